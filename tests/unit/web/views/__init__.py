"""Unit tests of web/views/."""
