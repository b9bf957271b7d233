"""The stores of real servers: moved from one to another, backed up and restored."""
