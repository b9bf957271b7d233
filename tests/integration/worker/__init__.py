"""A real worker before a fake broker."""
