"""Unit tests of tests/support/pictures/."""
