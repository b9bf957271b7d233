"""Unit tests of host/egress/."""
