"""The supervisor's decisions, sans-I/O."""
