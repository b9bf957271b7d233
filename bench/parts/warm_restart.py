"""How soon a killed decoder is replaced: the keeper's own children (worker/keeper/children.py) over a real nursery."""

import os
import select
import signal
import time
from pathlib import Path
from typing import Any

from host.settings.settings import Settings
from stores.blobs.memory import MemoryBlobs
from worker.boundary import tasks
from worker.boundary.status_page import IDLE
from worker.keeper.bodies import Body
from worker.keeper.children import Children, start_nursery
from worker.keeper.results import Run

POLL_SECONDS, LOOK_SECONDS = 1.0, 0.0001


class Restarts:
    """A Listener that hands each fresh decoder the photo, and knows when the task has begun and has ended."""

    def __init__(self, photo: Path, recipe: str) -> None:
        self._photo = photo
        settings = Settings()
        self._task = tasks.Task(recipe, settings.pixels_max, settings.frames_max, settings.decoder_bytes_max)
        self._children = Children(*start_nursery())
        self._given, self._done = False, False

    def measure(self, count: int) -> list[float]:
        """Milliseconds from a decoder's SIGKILL until its successor has begun a task."""
        self._children.wait_warm()
        found = [self._one() for _ in range(count + 1)]
        self._children.close()
        return found[1:]

    def _one(self) -> float:
        while not self._done:
            self._wait()
        assert self._children.decoder
        self._given, self._done, killed_at = False, False, time.monotonic()
        os.kill(self._children.decoder.pid, signal.SIGKILL)
        while not self._given:
            self._wait()
        while self._children.decoder.stage == IDLE:
            time.sleep(LOOK_SECONDS)
        return (time.monotonic() - killed_at) * 1000

    def _wait(self) -> None:
        select.select(self._children.descriptors(), [], [], POLL_SECONDS)
        self._children.read(self, time.monotonic())

    def decoder_ready(self) -> None:
        """As Listener.decoder_ready."""
        with self._photo.open("rb") as file:
            self._children.hand_over(self._task, [file.fileno()], self)
        self._given = True

    def sink_for(self, word: tasks.Rendered, size: int) -> Body:
        """As Listener.sink_for."""
        return Body(MemoryBlobs(), word.name, size)

    def decoder_said(self, word: Any, sink: Any) -> None:
        """As Listener.decoder_said."""
        self._done |= isinstance(word, tasks.Done)

    def decoder_ended(self, death: tasks.Died, run: Run) -> None:
        """As Listener.decoder_ended."""

    def parked_ended(self, run: Run) -> None:
        """As Listener.parked_ended."""
