"""An upload from its first byte to its 202: one module for each step, and receive.py for their order."""
