"""What a change of tenant costs a worker: a job in the decoder that is there, and in a fresh one kept to spare.

The keeper's own children (worker/children.py) over a real nursery, one job after the other; both kinds take turns.
"""

import argparse
import os
import select
import statistics
import tempfile
import time
from pathlib import Path
from typing import Any

from bench.overhead import RECIPE, make_pictures
from bench.report import close, table
from jobs.settings import Settings
from stores.blobs.memory import MemoryBlobs
from worker import tasks
from worker.bodies import Body
from worker.children import Children, start_nursery

ROUNDS, JOBS = 10, 20


class Changes:
    """A Listener that hands each job to the decoder that is there, or to the next one."""

    def __init__(self, photo: Path) -> None:
        settings = Settings()
        self._photo = photo
        self._task = tasks.Task(RECIPE, settings.pixels_max, settings.frames_max, settings.decoder_bytes_max)
        self._children = Children(*start_nursery())
        self._idle = self._done = False

    def start(self) -> None:
        """With a decoder to spare."""
        self._children.wait_warm()
        self._children.keep_spare()
        self._wait(lambda: self._idle)

    def close(self) -> None:
        """End them all."""
        self._children.close()

    def job(self, change: bool) -> float:
        """Milliseconds from when the job came to its end."""
        began, self._done = time.monotonic(), False
        if change:
            self._idle = False
            self._children.replace(self)
            self._wait(lambda: self._idle)
        with self._photo.open("rb") as file:
            assert self._children.hand_over(self._task, [file.fileno()], self)
        self._wait(lambda: self._done)
        return (time.monotonic() - began) * 1000

    def _wait(self, over: Any) -> None:
        while not over():
            select.select(self._children.descriptors(), [], [], 1.0)
            self._children.read(self, time.monotonic())

    def decoder_ready(self) -> None:
        """As Listener.decoder_ready."""
        self._idle = True

    def room(self, word: tasks.Rendered, size: int) -> Body:
        """As Listener.room."""
        return Body(MemoryBlobs(), word.name, size)

    def decoder_said(self, word: Any, sink: Any) -> None:
        """As Listener.decoder_said."""
        self._done |= isinstance(word, tasks.Done)

    def decoder_ended(self, death: tasks.Died) -> None:
        """As Listener.decoder_ended."""
        raise AssertionError(death)


def main() -> None:
    """Measure in turns, print."""
    parser = argparse.ArgumentParser(prog="python -m bench.tenants")
    parser.add_argument("--rounds", type=int, default=ROUNDS)
    rounds = parser.parse_args().rounds
    found: dict[bool, list[float]] = {False: [], True: []}
    with tempfile.TemporaryDirectory(prefix="pixmill-bench-") as folder:
        changes = Changes(make_pictures(Path(folder))[0])
        try:
            changes.start()
            for _ in range(rounds):
                for change, taken in found.items():
                    changes.job(change)
                    taken += [changes.job(change) for _ in range(JOBS)]
        finally:
            changes.close()
    same, fresh = (statistics.median(found[change]) for change in (False, True))
    table(("ms a job, median", ""), [("the decoder that is there", same), ("a fresh one", fresh)])
    close("tenants", {"same_ms": round(same, 2), "fresh_ms": round(fresh, 2), "change_ms": round(fresh - same, 2),
                      "jobs": len(found[True]), "cores": os.cpu_count() or 1})  # fmt: skip


if __name__ == "__main__":
    main()
