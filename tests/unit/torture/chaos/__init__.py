"""Unit tests of torture/chaos/."""
