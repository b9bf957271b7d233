"""Tests of pixmill/core."""
