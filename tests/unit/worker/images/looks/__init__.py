"""Unit tests of worker/images/looks/."""
