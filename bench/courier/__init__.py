"""Benchmarks of what couriers carry: `python -m bench.courier.NAME`."""
