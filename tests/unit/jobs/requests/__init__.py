"""Unit tests of jobs/requests/."""
