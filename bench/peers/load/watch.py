"""Tells when the results of jobs appear, by inotify: it costs the contender nothing, and is the same for all.

Owns which names it has seen. A result is a file JOB.RENDITION...; names that begin with a dot are unfinished ones. A
job has its result once `renditions` files of it have appeared.
"""

import asyncio
import ctypes
import os
import struct
import time
from pathlib import Path

_CREATE, _MOVED_TO = 0x100, 0x80
_NONBLOCK, _CLOEXEC = os.O_NONBLOCK, os.O_CLOEXEC
_EVENT = struct.Struct("iIII")
_READ_BYTES = 1 << 20


def names(data: bytes) -> list[str]:
    """The file names in what inotify said."""
    found, at = [], 0
    while at < len(data):
        *_, length = _EVENT.unpack_from(data, at)
        at += _EVENT.size
        found.append(data[at : at + length].rstrip(b"\0").decode())
        at += length
    return found


class Appearances:
    """Counts the files of each job. Pure."""

    def __init__(self, renditions: int) -> None:
        self._renditions = renditions
        self._seen: dict[str, set[str]] = {}
        self.ended: dict[str, float] = {}
        """When the last file of a job appeared."""

    def appeared(self, name: str, at: float) -> str | None:
        """Note a name. Returns the job that is complete by it."""
        job, dot, rest = name.partition(".")
        if not job or not dot or job in self.ended:
            return None
        files = self._seen.setdefault(job, set())
        files.add(rest.partition(".")[0])
        if len(files) < self._renditions:
            return None
        del self._seen[job]
        self.ended[job] = at
        return job


class Watch:
    """Watches folders in the running loop. Raises OSError if inotify refuses one."""

    def __init__(self, folders: list[Path], renditions: int) -> None:
        libc = ctypes.CDLL(None, use_errno=True)
        self._inotify = libc.inotify_init1(_NONBLOCK | _CLOEXEC)
        for folder in folders:
            if libc.inotify_add_watch(self._inotify, os.fsencode(folder), _CREATE | _MOVED_TO) < 0:
                raise OSError(ctypes.get_errno(), f"inotify: {folder}")
        self.appearances = Appearances(renditions)
        self._waiting: dict[str, asyncio.Future[None]] = {}
        asyncio.get_running_loop().add_reader(self._inotify, self._read)

    async def result(self, job: str, seconds: float) -> float | None:
        """When the job's result appeared, on the monotonic clock; None if it does not within `seconds`."""
        if job not in self.appearances.ended:
            future = self._waiting[job] = asyncio.get_running_loop().create_future()
            try:
                await asyncio.wait_for(future, seconds)
            except TimeoutError:
                return None
            finally:
                self._waiting.pop(job, None)
        return self.appearances.ended[job]

    def _read(self) -> None:
        now = time.monotonic()
        for name in names(os.read(self._inotify, _READ_BYTES)):
            job = self.appearances.appeared(name, now)
            if job and (future := self._waiting.get(job)) and not future.done():
                future.set_result(None)
