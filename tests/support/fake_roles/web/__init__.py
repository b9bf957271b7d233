"""A stand-in for web: answers each connection with its pid, on the inherited socket."""
