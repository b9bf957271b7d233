"""Whole architectures beside pixmill, for bench/beside: how each is installed, started and accounted for."""
