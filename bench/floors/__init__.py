"""Programs that do only the unavoidable part of some work: the lower bound (floor) of its cost. And probes."""
