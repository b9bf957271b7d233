"""What a person keeps of their uploads."""
