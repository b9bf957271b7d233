"""What a change of tenant costs a worker. Compares a job in the current decoder, in one that was parked while another
tenant had its turn, and in a fresh spare one.

It uses the keeper's own children (worker/keeper/children.py) over a real nursery, one job after the other. All kinds
take turns.
"""

import argparse
import itertools
import os
import select
import statistics
import tempfile
import time
from pathlib import Path
from typing import Any

from bench.overhead import RECIPE, make_pictures
from bench.parts.report import close, table
from host.process import hugepages
from host.settings.settings import Settings
from stores.blobs.memory import MemoryBlobs
from worker.boundary import tasks
from worker.keeper import config
from worker.keeper.bodies import Body
from worker.keeper.children import Children, start_nursery
from worker.keeper.results import Run

ROUNDS, JOBS = 10, 20


SAME, PARKED, FRESH = "the decoder that is there", "a parked one", "a fresh one"


class Changes:
    """A Listener that hands each job to a decoder of its tenant."""

    def __init__(self, photo: Path) -> None:
        settings = Settings()
        self._photo = photo
        self._task = tasks.Task(RECIPE, settings.pixels_max, settings.frames_max, settings.decoder_bytes_max)
        self._children = Children(*start_nursery(), config.parking(settings))
        self._idle, self._done = False, 0.0

    def start(self) -> None:
        """Wait until a decoder and a spare one are ready."""
        self._children.wait_warm()
        self._wait(lambda: self._idle)

    def close(self) -> None:
        """End them all."""
        self._children.close()

    def job(self, tenant: str) -> tuple[float, float]:
        """Milliseconds from a job's arrival to its end, and its decoder's CPU milliseconds."""
        began, self._done = time.monotonic(), 0.0
        if self._decoder.run.tenant not in (None, tenant):
            self._idle = False
            self._children.change(tenant, self)
            self._wait(lambda: self._idle)
        with self._photo.open("rb") as file:
            assert self._children.hand_over(self._task, [file.fileno()], self)
        self._decoder.run.tenant = tenant
        self._wait(lambda: self._done > 0)
        return (time.monotonic() - began) * 1000, self._done

    @property
    def _decoder(self) -> Any:
        return self._children.decoder

    def _wait(self, over: Any) -> None:
        while not over():
            select.select(self._children.descriptors(), [], [], 1.0)
            self._children.read(self, time.monotonic())

    def decoder_ready(self) -> None:
        """As Listener.decoder_ready."""
        self._idle = True

    def sink_for(self, word: tasks.Rendered, size: int) -> Body:
        """As Listener.sink_for."""
        return Body(MemoryBlobs(), word.name, size)

    def decoder_said(self, word: Any, sink: Any) -> None:
        """As Listener.decoder_said."""
        if isinstance(word, tasks.Done):
            self._done = word.cpu_ms

    def decoder_ended(self, death: tasks.Died, run: Run) -> None:
        """As Listener.decoder_ended."""
        raise AssertionError(death)

    def parked_ended(self, run: Run) -> None:
        """As Listener.parked_ended."""
        raise AssertionError(run)


def main() -> None:
    """Measure in turns, print."""
    parser = argparse.ArgumentParser(prog="python -m bench.tenants")
    parser.add_argument("--rounds", type=int, default=ROUNDS)
    rounds = parser.parse_args().rounds
    found: dict[str, list[tuple[float, float]]] = {SAME: [], PARKED: [], FRESH: []}
    strangers = (f"stranger {number}" for number in itertools.count())
    with tempfile.TemporaryDirectory(prefix="pixmill-bench-") as folder:
        changes = Changes(make_pictures(Path(folder))[0])
        try:
            changes.start()
            for _ in range(rounds * JOBS):
                changes.job("acme")
                found[SAME].append(changes.job("acme"))
                found[FRESH].append(changes.job(next(strangers)))
                found[PARKED].append(changes.job("acme"))
        finally:
            changes.close()
    median = {kind: tuple(map(statistics.median, zip(*taken, strict=True))) for kind, taken in found.items()}
    table(("median of a job", "ms", "CPU ms"), [(kind, *times) for kind, times in median.items()])
    same, parked, fresh = median.values()
    close("tenants", {"same_ms": same[0], "to_parked_ms": round(parked[0] - same[0], 2),
                      "to_fresh_ms": round(fresh[0] - same[0], 2), "same_cpu_ms": same[1],
                      "to_parked_cpu_ms": round(parked[1] - same[1], 2),
                      "to_fresh_cpu_ms": round(fresh[1] - same[1], 2),
                      "jobs": len(found[SAME]), "cores": os.cpu_count() or 1})  # fmt: skip


if __name__ == "__main__":
    hugepages.begin_anew()  # as a worker does
    main()
