"""Unit tests of worker/."""
