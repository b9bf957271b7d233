"""Unit tests of web/api/."""
