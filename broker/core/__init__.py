"""The dispatch core: sans-I/O. Facts in, effects out; no clock, randomness, logging or socket."""
