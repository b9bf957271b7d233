"""Unit tests of worker/images/facts/."""
