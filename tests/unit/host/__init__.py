"""Unit tests of host/."""
