"""Unit tests of worker/images/."""
