"""Unit tests of jobs/."""
