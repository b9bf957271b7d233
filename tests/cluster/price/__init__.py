"""What an upload costs, in counts that a busy machine does not change."""
