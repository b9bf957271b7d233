"""Unit tests of torture/recipes/."""
