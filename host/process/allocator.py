"""How glibc's malloc treats large blocks that come and go (elsewhere a no-op).

By its defaults a block of 128 KB and more is mapped, or its memory given back as soon as it is free; the next one
faults every page in again. Of an upload of 829 KB, received in blocks of 256 KB, that was a quarter of web's CPU.
"""

import ctypes

_M_TRIM_THRESHOLD, _M_TOP_PAD, _M_MMAP_THRESHOLD = -1, -2, -3
KEPT_BYTES = 8 * 1024 * 1024
"""Free at the heap's end that is kept for the next block."""
_PAD_BYTES = 1024 * 1024
_MAPPED_BYTES = 4 * 1024 * 1024
"""Blocks from here on are mapped, and so given back."""


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
    """Keep none, as before a fork: the first write to what a fork inherits copies a page of 4 kB, whereas memory that
    it takes anew may come in pages of 2 MB. For a picture in inherited memory a decoder took 0.2 to 0.4 ms in 22
    longer."""
    trim = getattr(ctypes.CDLL(None), "malloc_trim", None)
    if trim is not None:
        trim(0)
