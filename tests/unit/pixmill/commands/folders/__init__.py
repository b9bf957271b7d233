"""Unit tests of pixmill/commands/folders/."""
