"""The worker's decisions, sans-I/O: its side of the protocol, its leases, and its parked decoders."""
