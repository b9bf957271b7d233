"""A stand-in for the broker: holds a lock, is gone at once on SIGTERM."""
