"""Unit tests of host/files/."""
