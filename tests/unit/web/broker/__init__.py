"""Unit tests of web/broker/."""
