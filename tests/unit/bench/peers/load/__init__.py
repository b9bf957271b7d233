"""Unit tests of bench/peers/load/."""
