"""Unit tests of broker/core/figures/."""
