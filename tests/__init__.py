"""The tests of pixmill."""
