"""Unit tests of host/sockets/."""
