"""Probes for free address space before a library allocates memory. Without it such a library fails badly: it ends the
process, or does not tell the reason.

Owns the probe. The callers know how much memory is needed.
"""

import mmap


def require(size_bytes: int, what: str = "") -> None:
    """Raises MemoryError, with the text `what`, if so many bytes cannot be mapped. The map lasts for a moment and takes
    no memory. It is a map of its own, because a small block of the allocator would be cleared byte by byte."""
    if size_bytes <= 0:
        return
    try:
        mmap.mmap(-1, size_bytes, mmap.MAP_PRIVATE | mmap.MAP_ANONYMOUS).close()
    except (OSError, OverflowError):
        raise MemoryError(what) from None
