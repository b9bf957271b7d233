"""Unit tests of tests/support/house/."""
