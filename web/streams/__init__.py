"""Event streams: the events that each reader gets, and the bytes that may wait for them."""
