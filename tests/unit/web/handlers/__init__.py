"""Unit tests of web/handlers/."""
