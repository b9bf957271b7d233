"""Decodes the frames that come in, and encodes the core's effects as frames to send."""
