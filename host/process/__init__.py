"""A process and its kernel: memory, priority, signals, descriptors, readiness, the end of its parent."""
