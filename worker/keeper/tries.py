"""One try of a job in the worker: its task, its renditions so far, and their way into the blob store.

Owns what is published of a try. worker/keeper/work.py decides when, and reports it.
"""

import time
from dataclasses import dataclass, field
from time import perf_counter
from typing import BinaryIO

from host.tracing.tracer import Processed, Published
from jobs.errors import StoreAway, StoreFault
from jobs.ids import rendition_name
from jobs.job import Rendition, Spec
from jobs.wire import Assignment, LeaseRef, Times
from stores.blobs import Blobs
from worker.boundary import tasks
from worker.keeper import checks
from worker.keeper.bodies import Body
from worker.keeper.results import Run

PATIENCE_SECONDS = 60.0
"""Renditions wait so long for a store that is away. Then another worker may try: perhaps it can reach the store."""


@dataclass(slots=True)
class Try:
    """One job on its way through the decoder. `allowed`: the form of each of its renditions, by name. `handed_at`: the
    wall time at which the decoder got it (`original` is closed then); from then on it is charged. `begun`: the session
    knows that. `made`: not published yet. `coming`: not complete yet. `done`: the decoder's last message. `run`: the
    decoder's. `away_since`: when (monotonic) the store was first away for a rendition. `published`: when each of the
    `renditions` was. `facts`: of the original, as encoded; empty until the decoder has found them. `described`: the
    session knows them. `read_seconds`: until its original was open, `publish_seconds`: until its renditions so far were
    durable."""

    assignment: Assignment
    spec: Spec
    allowed: dict[str, checks.Allowed]
    original: BinaryIO
    watermarks: dict[str, int]
    handed_at: float | None = None
    begun: bool = False
    renditions: list[Rendition] = field(default_factory=list)
    made: list[tuple[tasks.Rendered, Body]] = field(default_factory=list)
    coming: Body | None = None
    done: tasks.Done | None = None
    run: Run = field(default_factory=Run)
    away_since: float | None = None
    published: list[Published] = field(default_factory=list)
    facts: bytes = b""
    described: bool = False
    read_seconds: float = 0.0
    publish_seconds: float = 0.0

    def is_under(self, ref: LeaseRef) -> bool:
        """Whether this is the try of that job under that lease."""
        return (self.assignment.job, self.assignment.lease) == (ref.job, ref.lease)

    def times(self) -> Times | None:
        """The seconds of each stage of a try that is done."""
        if self.done is None:
            return None
        return Times(self.spec.original.format, [self.read_seconds, *self.done.seconds, self.publish_seconds])

    def names(self) -> set[str]:
        """The names of the renditions that were made, published or not."""
        return {one.name for one in self.renditions} | {one.name for one, _ in self.made}

    def sink_for(self, blobs: Blobs, word: tasks.Rendered, size: int) -> Body:
        """The body for the `size` bytes of a rendition that the decoder is about to send. Raises WireFault if the
        recipe does not ask for it, or not for so many bytes."""
        wanted = self.allowed.get(word.name) if word.name not in self.names() else None
        most = min(wanted.bytes_max(self.spec.original.bytes), self.assignment.memory_bytes) if wanted else 0
        checks.check_begun(word, size, wanted, most)
        self.coming = Body(blobs, rendition_name(self.assignment.job, word.name, "coming", word.extension), size)
        return self.coming

    def discard(self) -> None:
        """Drop all that is not published yet."""
        self.original.close()
        for body in (self.coming, *(body for _, body in self.made)):
            if body is not None:
                body.discard()
        self.made, self.coming = [], None

    def waits_for_store(self, now: float) -> bool:
        """The store was away again, at monotonic time `now`: whether the renditions may wait for it longer."""
        if self.away_since is None:
            self.away_since = now
        return now < self.away_since + PATIENCE_SECONDS

    def publish_next(self) -> Rendition:
        """Make the first of the finished renditions durable. Raises StoreAway, and nothing is lost; or StoreFault, and
        that rendition is lost."""
        word, body = self.made[0]
        digest = body.digest()
        blob = rendition_name(self.assignment.job, word.name, digest, word.extension)
        began = perf_counter()
        try:
            body.publish(blob)
        except StoreAway:
            raise
        except StoreFault:
            self.made.pop(0)
            body.discard()
            raise
        self.publish_seconds += perf_counter() - began
        self.made.pop(0)
        described = (word.format, word.width, word.height, body.size, digest, word.dominant_colour, word.unmet)
        rendition = Rendition(word.name, blob, *described, word.original, word.quality, word.box)
        self.renditions.append(rendition)
        self.published.append(Published(rendition.name, time.time()))
        return rendition

    def processed(self, ended_at: float, error: str | None = None) -> Processed:
        """What a tracer is told of it, once a decoder had it."""
        assert self.handed_at is not None
        job, trace = self.assignment.job, self.spec.trace
        return Processed(job, trace, self.handed_at, ended_at, error, renditions=self.published)
