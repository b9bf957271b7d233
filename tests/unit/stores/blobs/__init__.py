"""Unit tests of stores/blobs/."""
