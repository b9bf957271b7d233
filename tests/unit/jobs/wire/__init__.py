"""Unit tests of jobs/wire/."""
