"""A real courier, and strangers that it calls."""
