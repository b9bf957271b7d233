"""Real servers for tests, benchmarks and tortures: each throw-away, on a free port, in a temporary folder."""
