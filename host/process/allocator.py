"""How glibc's malloc treats large blocks that come and go (elsewhere a no-op).

By default a block of 128 KB and more is mapped, or its memory is given back as soon as it is free; the next block
faults every page in again. For an upload of 829 KB, received in blocks of 256 KB, that was a quarter of web's CPU.
"""

import ctypes

_M_TRIM_THRESHOLD, _M_TOP_PAD, _M_MMAP_THRESHOLD = -1, -2, -3
KEPT_BYTES = 8 * 1024 * 1024
"""Free bytes at the heap's end that are kept for the next block."""
_PAD_BYTES = 1024 * 1024
_MAPPED_BYTES = 4 * 1024 * 1024
"""Blocks of this size and more are mapped, and so given back."""


def keep_freed_memory() -> None:
    """Keep up to KEPT_BYTES of freed memory in this process."""
    mallopt = getattr(ctypes.CDLL(None), "mallopt", None)
    if mallopt is not None:
        for option, value in (
            (_M_TRIM_THRESHOLD, KEPT_BYTES),
            (_M_TOP_PAD, _PAD_BYTES),
            (_M_MMAP_THRESHOLD, _MAPPED_BYTES),
        ):
            mallopt(option, value)


def give_back_freed_memory() -> None:
    """Keep no freed memory, as before a fork. The first write to inherited memory copies a page of 4 kB, whereas fresh
    memory may come in pages of 2 MB. With a picture in inherited memory a decoder took 0.2 to 0.4 ms in 22 longer."""
    trim = getattr(ctypes.CDLL(None), "malloc_trim", None)
    if trim is not None:
        trim(0)
