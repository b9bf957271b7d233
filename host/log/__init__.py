"""The log of a process: its events, its two formats, its secrets and repeats, and where its lines go."""
