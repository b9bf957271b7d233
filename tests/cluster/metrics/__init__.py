"""Metrics of real clusters, under kills and faults."""
