"""The limit on a process's open files and connections. Knows nothing of their use."""

import resource


def raise_descriptors() -> int:
    """Raise the limit as far as allowed, and return it. A connection costs a descriptor before its owner is known."""
    _, most = resource.getrlimit(resource.RLIMIT_NOFILE)
    resource.setrlimit(resource.RLIMIT_NOFILE, (most, most))
    return most if most > 0 else 1 << 20  # no limit at all
