"""Contenders of bench/images.py: other libraries that do the same work."""
