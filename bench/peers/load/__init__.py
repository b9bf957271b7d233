"""The load generator of bench/beside: a process of its own, one for all contenders, which counts its own CPU."""
