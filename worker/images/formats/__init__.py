"""One file for each image format, or library, that needs more than Pillow gives."""
