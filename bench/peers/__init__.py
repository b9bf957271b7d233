"""Contenders of bench/images.py: how others do the same work."""
