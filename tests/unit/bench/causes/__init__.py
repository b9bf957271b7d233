"""Unit tests of bench/causes/."""
