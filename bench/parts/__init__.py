"""What the benchmarks share: their report, their loads, what a process costs."""
