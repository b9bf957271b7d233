"""Unit tests of jobs/recipes/values/."""
