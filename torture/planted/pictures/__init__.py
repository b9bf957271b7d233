"""Bugs in what is done to pixels, and in which picture a reader gets."""
