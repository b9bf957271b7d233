"""The client without I/O: requests are made, answers are read, and retries are decided. No clock and no socket."""
