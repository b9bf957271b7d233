"""Unit tests of worker/images/formats/."""
