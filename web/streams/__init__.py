"""Readers of event streams: what each is sent, and how much may wait for them."""
