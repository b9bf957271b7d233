"""Unit tests of worker/images/kept/."""
