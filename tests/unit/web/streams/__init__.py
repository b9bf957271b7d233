"""Unit tests of web/streams/."""
