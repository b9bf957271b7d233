"""Sockets of all kinds: the web port, the control socket, ZeroMQ's addresses, keys and readiness."""
