"""Unit tests of torture/hosts/."""
