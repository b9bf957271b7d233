"""Unit tests of tests/, where it decides something."""
