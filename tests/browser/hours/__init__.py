"""What the page shows of the last hours."""
