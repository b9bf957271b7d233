"""Unit tests of stores/."""
