"""Metrics: what the web processes of a machine count, in one file that they share, and what a scrape is told."""
