"""The flight recorder: writes all input of the core to a ring of segments (files), before the core gets it.

Owns DATA/flight and its bounds. A failed write never stops the broker: recording pauses, and a new segment begins
later.
"""

import contextlib
import logging
import os
import time
import zlib
from pathlib import Path

import jobs
from broker import core
from broker.core.dispatcher import Dispatcher
from broker.core.snapshot import snapshot
from broker.flight import facts
from broker.flight.facts import FORMAT, Began, Decided, Opening, Part, Turn, packed
from broker.frames import outbox

SUFFIX = ".flight"
SEGMENT_BYTES = 16 * 1024 * 1024
"""Bytes of turns in a segment, after its snapshot: some 30,000 jobs. As many as the snapshot has, if it is larger."""
NEARLY_FULL = 16
"""A segment is nearly full when less than this fraction (1/16) of it is free. That is more than one turn needs."""
RING_BYTES = 4 * SEGMENT_BYTES
OPENING_BYTES = 1024
"""Bytes of a segment's opening without the snapshot."""
RING_FILES = 256
"""Limit of files. Each start of a broker begins a segment, and a broker may restart again and again."""
AGAIN_SECONDS = 10.0
"""How long recording pauses after a failed write."""


def segments(folder: Path) -> list[Path]:
    """The segments in a folder, oldest first."""
    return sorted(path for path in folder.glob(f"*{SUFFIX}") if path.stem.isdigit())


def code() -> str:
    """A checksum of the code that decides: a replay by other code may decide otherwise."""
    files = [path for package in (core, jobs) for path in sorted(Path(package.__file__ or "").parent.rglob("*.py"))]
    files += [Path(module.__file__ or "") for module in (facts, outbox)]
    return f"{zlib.crc32(b''.join(path.read_bytes() for path in files)):08x}"


class Recorder:
    """Records one broker's core. No method raises when the disk is full or fails."""

    def __init__(self, folder: Path, log: logging.Logger) -> None:
        self._folder, self._log = folder, log
        self._code = code()
        self._file: int | None = None
        self._room = 0
        self._waiting = b""
        """The digest of the turn before, packed: it is written with the next turn."""
        self._follows = False
        self._again_at = 0.0
        self._complained = False

    @property
    def is_recording(self) -> bool:
        """Whether a segment is open. If not, a write failed lately."""
        return self._file is not None

    def began(self, dispatcher: Dispatcher, began: Began) -> None:
        """A broker is about to restore `dispatcher`."""
        self._record(dispatcher, began, began.now)

    def turn(self, dispatcher: Dispatcher, turn: Turn) -> None:
        """`dispatcher` is about to get this input."""
        self._record(dispatcher, turn, turn.now)

    def decided(self, digest: int) -> None:
        """The turn that was recorded last led to decisions with this digest."""
        self._waiting = packed(Decided(digest))

    def close(self) -> None:
        """Write what waits."""
        if self._file is not None:
            self._write(b"")
            self._end()

    def _record(self, dispatcher: Dispatcher, part: Part, now: float) -> None:
        data = packed(part)
        if self._file is not None and (self._room < len(data) + len(self._waiting) or self._is_time(dispatcher, now)):
            self.close()
        if self._file is None:
            self._waiting = b""
            if now < self._again_at or not self._begin(dispatcher, now):
                return
            if self._room < len(data):
                with contextlib.suppress(OSError):
                    segments(self._folder)[-1].unlink()  # else empty segments would push older ones out of the ring
                return self._fail("one turn passes a segment", now)
        if self._write(data, now):
            self._complained = False

    def _is_time(self, dispatcher: Dispatcher, now: float) -> bool:
        """Whether to end a nearly full segment before this turn. Not in a turn with a beat: a beat and a snapshot are
        the two longest tasks, and should not meet in one turn."""
        return self._room < SEGMENT_BYTES // NEARLY_FULL and not dispatcher.is_beat_due(now)

    def _begin(self, dispatcher: Dispatcher, now: float) -> bool:
        """Begin the next segment with a snapshot. Returns whether there was room for it."""
        core = snapshot(dispatcher)
        room = min(max(SEGMENT_BYTES, len(core)), RING_BYTES - len(core) - OPENING_BYTES)
        if room < SEGMENT_BYTES:
            self._fail("the core passes the ring", now)
            return False
        try:
            self._folder.mkdir(mode=0o700, exist_ok=True)
            number = self._make_room(room + len(core) + OPENING_BYTES) + 1
            path = self._folder / f"{number:08}{SUFFIX}"
            self._file = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_CLOEXEC, 0o600)
        except OSError as error:
            self._fail(error.strerror or str(error), now)
            return False
        opening = packed(Opening(FORMAT, number, self._follows, time.time(), self._code, core))
        self._follows = True
        written = self._write(opening, now)
        self._room = room
        if not written:
            with contextlib.suppress(OSError):
                path.unlink()
        return written

    def _make_room(self, needed: int) -> int:
        """Drop the oldest segments until the ring has room for `needed` bytes. Returns the number of the newest one."""
        kept = segments(self._folder)
        newest = int(kept[-1].stem) if kept else 0
        sizes = [path.stat().st_size for path in kept]
        while kept and (sum(sizes) + needed > RING_BYTES or len(kept) >= RING_FILES):
            kept.pop(0).unlink()
            sizes.pop(0)
        return newest

    def _write(self, data: bytes, now: float = 0.0) -> bool:
        data, self._waiting = self._waiting + data, b""
        assert self._file is not None
        try:
            written = os.write(self._file, data)
        except OSError as error:
            self._fail(error.strerror or str(error), now)
            return False
        if written < len(data):
            self._fail("no room left", now)
            return False
        self._room -= written
        return True

    def _fail(self, why: str, now: float) -> None:
        self._end()
        self._follows = False
        self._again_at = now + AGAIN_SECONDS
        if not self._complained:
            self._complained = True
            self._log.warning("flight_recorder_off", extra={"why": why})

    def _end(self) -> None:
        if self._file is not None:
            file, self._file = self._file, None
            os.close(file)
