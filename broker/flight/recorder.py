"""The flight recorder: writes all that enters the core to a ring of segments, before the core is told.

Owns DATA/flight and its bounds. Whatever happens to it, the broker goes on: what cannot be written
is not recorded, and a new segment is begun later.
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
"""Of turns, after the snapshot (more where that is larger): some 30,000 jobs."""
NEARLY_FULL = 16
"""Of a segment, the last part: more than a turn takes."""
RING_BYTES = 4 * SEGMENT_BYTES
OPENING_BYTES = 1024
"""Of a segment's opening beside its snapshot."""
RING_FILES = 256
"""Each start of a broker begins a segment: one that starts in circles must not fill the folder."""
AGAIN_SECONDS = 10.0
"""After a write that failed."""


def segments(folder: Path) -> list[Path]:
    """The segments in a folder, oldest first."""
    return sorted(path for path in folder.glob(f"*{SUFFIX}") if path.stem.isdigit())


def code() -> str:
    """Tells one version of the code that decides from another."""
    files = [path for package in (core, jobs) for path in sorted(Path(package.__file__ or "").parent.rglob("*.py"))]
    files += [Path(module.__file__ or "") for module in (facts, outbox)]
    return f"{zlib.crc32(b''.join(path.read_bytes() for path in files)):08x}"


class Recorder:
    """Records one broker's core. No method raises for want of room or of a disk."""

    def __init__(self, folder: Path, log: logging.Logger) -> None:
        self._folder, self._log = folder, log
        self._code = code()
        self._file: int | None = None
        self._room = 0
        self._waiting = b""
        """What the turn before decided: written with the next one."""
        self._follows = False
        self._again_at = 0.0
        self._complained = False

    def began(self, dispatcher: Dispatcher, began: Began) -> None:
        """A broker is about to restore `dispatcher`."""
        self._record(dispatcher, began, began.now)

    def turn(self, dispatcher: Dispatcher, turn: Turn) -> None:
        """`dispatcher` is about to be told all this."""
        self._record(dispatcher, turn, turn.now)

    def decided(self, digest: int) -> None:
        """This came of it."""
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
                    segments(self._folder)[-1].unlink()  # or such turns would push out all that is kept
                return self._fail("one turn passes a segment", now)
        if self._write(data, now):
            self._complained = False

    def _is_time(self, dispatcher: Dispatcher, now: float) -> bool:
        """Whether a segment that is nearly full ends with the turn before: a snapshot and a beat are each the longest
        thing that a turn does."""
        return self._room < SEGMENT_BYTES // NEARLY_FULL and not dispatcher.is_beat_due(now)

    def _begin(self, dispatcher: Dispatcher, now: float) -> bool:
        """Open the next segment with a snapshot; whether there was room."""
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
        """Drop the oldest segments where the ring has no room for so much more; the number of the newest."""
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
            self._log.warning("flight recorder off", extra={"why": why})

    def _end(self) -> None:
        if self._file is not None:
            file, self._file = self._file, None
            os.close(file)
