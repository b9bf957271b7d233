"""Unit tests of bench/beside/."""
