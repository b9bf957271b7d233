"""An upload from its first byte to its 202, in the order in which it passes."""
