"""Unit tests of broker/core/hours/."""
