"""Random events against the core's rules."""
