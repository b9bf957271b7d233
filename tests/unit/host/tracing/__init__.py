"""Unit tests of host/tracing/."""
