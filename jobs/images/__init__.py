"""Image files as bytes: formats, heads, EXIF, and how a picture is turned. Decodes nothing."""
