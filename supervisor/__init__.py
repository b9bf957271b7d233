"""The supervisor: starts, replaces, scales and drains one machine's processes of broker, web, worker and courier."""
