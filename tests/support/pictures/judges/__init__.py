"""Judges of pictures that are not ours: other programs and libraries, run by hand on many files."""
