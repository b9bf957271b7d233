"""Unit tests of host/process/."""
