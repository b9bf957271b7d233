"""Unit tests of broker/."""
