"""Benchmarks of the kind and the size of a store."""
