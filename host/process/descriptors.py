"""How many files and connections a process may have open. Knows nothing of what they are."""

import resource


def raise_descriptors() -> int:
    """As many as we may have, which is told: a connection of anybody costs one, before it is known whose it is."""
    _, most = resource.getrlimit(resource.RLIMIT_NOFILE)
    resource.setrlimit(resource.RLIMIT_NOFILE, (most, most))
    return most if most > 0 else 1 << 20  # no limit at all
