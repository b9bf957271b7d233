"""Originals on their way to the blob store: what comes is gathered here, digested and written by threads.

A disk that stalls holds the uploads that it was given, and nobody else: no file is made, written, synced or removed in
the event loop. Knows nothing of what the bytes are.
"""

import asyncio
import hashlib
import threading
from collections.abc import Callable, Sequence
from concurrent.futures import Executor
from functools import partial

from stores.blobs import Blobs, BlobWriter

VIEWED_BYTES = 16 * 1024
"""A piece of so many is kept as it came; smaller ones are copied, for each takes some 200 bytes besides its own."""


class Incoming:
    """One original under its `name`. A loop calls `take` and `handing`; what that returns, `publish` and `discard` are
    called in threads, `publish` once all before it was done."""

    def __init__(self, blobs: Blobs, name: str) -> None:
        self._blobs, self._name = blobs, name
        self._writer: BlobWriter | None = None
        self._parts: list[bytes | bytearray | memoryview] = []
        self._sha256 = hashlib.sha256()
        self.gathered = 0
        self._lock = threading.Lock()
        self.is_over = False
        """Published or discarded."""

    def take(self, data: bytes | memoryview) -> None:
        """More of it."""
        self.gathered += len(data)
        if len(data) >= VIEWED_BYTES:
            self._parts.append(data)
        elif self._parts and isinstance(self._parts[-1], bytearray):
            self._parts[-1] += data
        else:
            self._parts.append(bytearray(data))

    @property
    def is_begun(self) -> bool:
        """Whether the store has something of it."""
        return self._writer is not None

    def digest(self) -> str:
        """SHA-256 in hex of all that was written."""
        return self._sha256.hexdigest()

    def handing(self) -> Callable[[], None]:
        """Hand over what was gathered: call what is returned to store it. Raises StoreFault."""
        parts, self._parts, self.gathered = self._parts, [], 0
        return partial(self._store, parts)

    def publish(self) -> None:
        """Store what was gathered, and make all of it last under its name. Raises StoreFault."""
        self.handing()()
        with self._lock:
            assert self._writer
            self._writer.publish()
            self.is_over = True

    def discard(self) -> None:
        """Forget what is not published, also what is being stored now; harmless after `publish` or twice."""
        with self._lock:
            if self._writer and not self.is_over:
                self._writer.discard()
            self.is_over = True

    def _store(self, parts: list[bytes | bytearray | memoryview]) -> None:
        with self._lock:
            if self.is_over:
                return
            self._writer = self._writer or self._blobs.writer(self._name)
            for part in parts:
                self._sha256.update(part)
                self._writer.write(part)


async def in_threads(threads: Executor, works: Sequence[Callable[[], None]]) -> list[BaseException]:
    """Do all of these, several at the same time; what they raised."""
    loop = asyncio.get_running_loop()
    done = [loop.run_in_executor(threads, work) for work in works]
    return [fault for fault in await asyncio.gather(*done, return_exceptions=True) if fault]
