"""Unit tests of jobs/images/."""
