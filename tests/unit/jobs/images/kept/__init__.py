"""Unit tests of jobs/images/kept/."""
