"""Unit tests of pixmill/commands/logfiles/."""
