"""The shared parts of the benchmarks: report, loads, and the cost of a process."""
