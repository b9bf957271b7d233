"""Unit tests of broker/core/."""
