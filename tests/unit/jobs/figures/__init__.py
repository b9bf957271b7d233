"""Unit tests of jobs/figures/."""
