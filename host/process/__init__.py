"""A process and its kernel: memory, priority, signals, descriptors, readiness, its parent's end."""
