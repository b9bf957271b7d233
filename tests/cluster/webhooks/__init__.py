"""Tests of webhooks with real processes."""
