"""Tests of what the page shows of webhooks."""
