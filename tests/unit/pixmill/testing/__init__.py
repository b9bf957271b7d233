"""Tests of pixmill/testing."""
