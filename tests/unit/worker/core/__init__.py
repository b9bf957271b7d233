"""Unit tests of worker/core/."""
