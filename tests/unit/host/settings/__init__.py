"""Unit tests of host/settings/."""
