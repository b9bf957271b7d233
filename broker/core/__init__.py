"""The dispatch core, sans-I/O: facts go in, effects come out. It has no clock, randomness, log or socket."""
