"""Bugs in pure modules outside the domain and the cores."""
