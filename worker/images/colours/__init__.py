"""Whatever a file's colours are, to sRGB."""
