"""Whether recipes keep what is promised: the expected cost against real CPU, and `max_bytes` against all qualities."""
