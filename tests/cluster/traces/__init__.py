"""The spans of a running cluster."""
