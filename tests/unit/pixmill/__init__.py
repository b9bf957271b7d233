"""Unit tests of pixmill/."""
