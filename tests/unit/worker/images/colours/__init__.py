"""Unit tests of worker/images/colours/."""
