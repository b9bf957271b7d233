"""Tests of the parts of the result cache that need no server."""
