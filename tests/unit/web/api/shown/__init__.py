"""Unit tests of web/api/shown/."""
