"""A stand-in for the worker: a nursery of its own, drains as long as it is told to."""
