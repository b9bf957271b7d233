"""The bugs that `make mutate` plants in what calls strangers: the gate, the courier, and the broker's fetches."""
