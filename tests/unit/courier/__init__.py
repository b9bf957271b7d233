"""Unit tests of courier/."""
