"""Benchmarks: `python -m bench.NAME` prints a table and, last, one line of JSON. Never part of the tests."""
