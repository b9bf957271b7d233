"""The bugs that `make mutate` plants: a table for each core."""
