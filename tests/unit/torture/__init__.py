"""Unit tests of torture/."""
