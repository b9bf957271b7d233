"""Unit tests of web/metrics/."""
