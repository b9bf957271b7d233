"""Unit tests of jobs/session/."""
