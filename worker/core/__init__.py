"""The worker's pure parts: its side of the protocol, and the geometry of a recipe."""
