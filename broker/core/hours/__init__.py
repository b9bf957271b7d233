"""Counts what happens, for the figures of the last hours: an interval of five minutes at a time."""
