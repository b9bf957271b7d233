"""Unit tests of worker/boundary/."""
