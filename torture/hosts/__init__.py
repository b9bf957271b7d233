"""Hosts that are cut off while clients upload."""
