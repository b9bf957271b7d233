"""Benchmarks of metrics: what counting and scraping cost, and scrapes under kills. `python -m bench.metrics.NAME`."""
