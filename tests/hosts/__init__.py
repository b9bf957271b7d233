"""The parts on different hosts: tcp, keys, and hosts that are network namespaces."""
