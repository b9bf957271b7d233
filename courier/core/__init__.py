"""The courier's decisions, sans-I/O: its side of the protocol, and which call begins next."""
