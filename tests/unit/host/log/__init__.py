"""Unit tests of host/log/."""
