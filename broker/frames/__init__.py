"""Frames on their way in and out of the broker: what is taken, and how effects become messages."""
