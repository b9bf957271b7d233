"""Unit tests of jobs/recipes/."""
