"""Unit tests of broker/flight/."""
