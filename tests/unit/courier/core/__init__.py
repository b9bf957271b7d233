"""Unit tests of courier/core/."""
