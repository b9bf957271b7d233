"""Image files as bytes: formats, heads, EXIF, orientation. Decodes nothing."""
