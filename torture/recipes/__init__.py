"""Random recipes with small pictures, to a running cluster: each is refused, done, or failed by its own fault."""
