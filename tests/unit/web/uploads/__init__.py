"""Unit tests of web/uploads/."""
