"""Unit tests of supervisor/."""
