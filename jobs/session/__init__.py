"""The side of the protocol that every holder of leases has, sans-I/O: connection, beats, drain, answers."""
