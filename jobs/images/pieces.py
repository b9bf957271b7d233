"""Runs readers that ask for the bytes that they want next: from a file, or from a stream as it passes.

Owns the bounds on both. The readers know what they read (jobs/images/head.py, jobs/images/exif.py).
"""

import struct
from collections.abc import Callable, Generator
from typing import BinaryIO, Generic, TypeVar

T = TypeVar("T")
Reading = Generator[tuple[int, int], bytes, T]
"""A reader yields the offset and number of the bytes that it wants, and is sent them, or fewer if the file ends. It
raises struct.error if those are not enough."""
READS_MAX = 4096
"""A PNG of 32 MB has this many chunks of 8 KB. They take 10 ms of web's time."""
_HELD_BYTES = 128 * 1024
_OFFSET_MAX = 2**62
"""Beyond this offset no file has bytes, and seeking fails."""


def found_in(reading: Reading[T], read: Callable[[int, int], bytes]) -> T | None:
    """What a reader finds by `read(at, length)`; None if the bytes end before it."""
    try:
        wanted = next(reading)
        for _ in range(READS_MAX):
            wanted = reading.send(read(*wanted))
    except StopIteration as end:
        return end.value  # type: ignore[no-any-return]
    except struct.error:
        pass
    return None


def found_in_file(reading: Reading[T], file: BinaryIO) -> T | None:
    """As `found_in`, of a file. The file's position afterwards is not defined."""
    return found_in(reading, reader_of(file))


def reader_of(file: BinaryIO) -> Callable[[int, int], bytes]:
    """Reads of `file` for `found_in`."""

    def read(at: int, length: int) -> bytes:
        if at > _OFFSET_MAX:
            return b""
        file.seek(at)
        return file.read(length)

    return read


class Passing(Generic[T]):
    """Gives a reader its bytes from a stream: `feed` it as it comes, then `end` it.

    `over`: the reader wants no more. `found` is None if it found nothing. Holds the wanted piece, and little more.
    """

    def __init__(self, reading: Reading[T]) -> None:
        self.found: T | None = None
        self._reading, self.over, self._reads = reading, False, 0
        self._held, self._from = bytearray(), 0
        self._wanted = next(reading)

    def feed(self, data: bytes | memoryview) -> None:
        """More of it."""
        if self.over:
            return
        if self._from + len(self._held) + len(data) <= self._wanted[0]:  # all before what it waits for
            self._from += len(self._held) + len(data)
            self._held.clear()
            return
        self._held += data
        while not self.over and sum(self._wanted) <= self._from + len(self._held):
            self._step()
        if self._wanted[0] > self._from and len(self._held) > _HELD_BYTES:
            passed = min(self._wanted[0] - self._from, len(self._held))
            del self._held[:passed]
            self._from += passed

    def end(self) -> None:
        """All of it has come."""
        while not self.over:
            self._step()

    def _step(self) -> None:
        start = self._wanted[0] - self._from
        piece = bytes(self._held[start : start + self._wanted[1]]) if start >= 0 else b""
        self._reads += 1
        try:
            self._wanted = self._reading.send(piece)
            self.over = self._reads >= READS_MAX
        except StopIteration as end:
            self.found, self.over = end.value, True
        except struct.error:
            self.over = True
        if self.over:
            self._held.clear()
