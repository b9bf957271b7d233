"""The gate to strangers: which addresses may be called, and calls that are bounded in bytes and time."""
