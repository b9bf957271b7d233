"""Conversion of any file's colours to sRGB."""
