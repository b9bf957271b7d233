"""One role for a test, with stand-ins for what is around it."""
