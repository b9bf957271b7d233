"""Unit tests of jobs/webhooks/."""
