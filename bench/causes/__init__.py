"""What an upload costs each role, by cause: CPU, system calls, wake-ups, bytes, turns. `python -m bench.causes`."""
