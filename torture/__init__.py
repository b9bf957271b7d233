"""Attacks on a running pixmill: kills, mutated frames and requests, bombs, slow clients. And planted bugs."""
