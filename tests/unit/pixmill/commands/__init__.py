"""Tests of pixmill/commands."""
