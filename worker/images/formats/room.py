"""Room in memory, asked for before a library takes it that fails badly without: it ends the process, or says only that
it failed.

Owns how that is asked. How much is its callers' to know.
"""

import mmap


def need(size_bytes: int, what: str = "") -> None:
    """Raises MemoryError, which says `what`, where there is no such room. Takes address space for a moment, and no
    memory: of smaller blocks the allocator's own would be cleared byte by byte."""
    if size_bytes <= 0:
        return
    try:
        mmap.mmap(-1, size_bytes, mmap.MAP_PRIVATE | mmap.MAP_ANONYMOUS).close()
    except (OSError, OverflowError):
        raise MemoryError(what) from None
