"""Unit tests of broker/frames/."""
