"""Unit tests of broker/core/books/."""
