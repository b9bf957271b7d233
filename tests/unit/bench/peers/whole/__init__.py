"""Unit tests of bench/peers/whole/."""
