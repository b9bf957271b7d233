"""Tests of pixmill/server."""
