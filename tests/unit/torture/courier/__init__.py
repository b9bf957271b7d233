"""Unit tests of torture/courier/."""
