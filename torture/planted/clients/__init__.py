"""The bugs that `make mutate` plants in the client and its command."""
