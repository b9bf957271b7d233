"""The least that a piece of work can cost, as programs of their own, and the probes beside them."""
