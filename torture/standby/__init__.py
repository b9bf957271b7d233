"""Two brokers on one machine, of which the active one is killed or stopped."""
