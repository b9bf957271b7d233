"""Unit tests of jobs/access/."""
