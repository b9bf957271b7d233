"""Test harnesses for one role, with stand-ins for the other parts."""
