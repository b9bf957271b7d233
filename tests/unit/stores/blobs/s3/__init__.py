"""Unit tests of stores/blobs/s3/."""
