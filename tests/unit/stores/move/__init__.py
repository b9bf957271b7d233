"""Unit tests of stores/move/."""
