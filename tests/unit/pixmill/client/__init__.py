"""Tests of pixmill/client."""
