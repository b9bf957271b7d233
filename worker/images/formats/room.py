"""Probes for free memory before a library takes it. Such a library fails badly without: it ends the process, or does
not tell the reason.

Owns the probe. The callers know how much memory is needed.
"""

import mmap


def need(size_bytes: int, what: str = "") -> None:
    """Raises MemoryError, which names `what`, if there is no room. Takes address space for a moment, and no memory:
    smaller blocks would come from the allocator and be cleared byte by byte."""
    if size_bytes <= 0:
        return
    try:
        mmap.mmap(-1, size_bytes, mmap.MAP_PRIVATE | mmap.MAP_ANONYMOUS).close()
    except (OSError, OverflowError):
        raise MemoryError(what) from None
