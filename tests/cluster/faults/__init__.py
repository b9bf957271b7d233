"""A whole cluster while something in it is killed, stopped, filled up or in doubt."""
