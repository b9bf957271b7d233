"""What the core counts for /metrics: cells that the turns add to, and that each second's beat tells.

Counting decides nothing. Nothing is counted for a job that waits. The seconds of a job are only noted when they are
known, and are counted together with those of others before they are told: that is several times cheaper.
"""

from bisect import bisect_left
from collections.abc import Sequence
from itertools import zip_longest

from jobs.figures.cluster import (
    ABSENT,
    ACCEPTED,
    CACHE,
    CODES,
    DELIVERIES,
    DENIED,
    DIED,
    DONE,
    FETCHES,
    FORMATS,
    HIT,
    INLINE,
    JOBS_ENDED,
    LAYOUT,
    LEFT,
    LOOP_SIZE,
    LOST,
    MISS,
    OTHER,
    PRESETS_MAX,
    PROCESSING,
    QUEUE,
    REPLACED,
    RETRIES,
    SILENCE,
    SIZES,
    STAGES,
    STRANGE,
)
from jobs.figures.layout import observe_all
from jobs.job import PRIORITIES, EventKind, TimelineEntry
from jobs.lanes import size_of
from jobs.records import Lane
from jobs.wire import Figures as Told
from jobs.wire import Times

_ACCEPTED = LAYOUT.places(ACCEPTED)[()]
_ENDED, _LOST, _RETRIES = LAYOUT.places(JOBS_ENDED), LAYOUT.places(LOST), LAYOUT.places(RETRIES)
_DONE = _ENDED[DONE, ""]
_QUEUE, _PROCESSING = LAYOUT.places(QUEUE), LAYOUT.places(PROCESSING)
_QUEUE_FAMILY, _PROCESSING_FAMILY = LAYOUT.family(QUEUE), LAYOUT.family(PROCESSING)
_QUEUES = {letter: [_QUEUE[size, priority] for priority in PRIORITIES] for letter, size in SIZES.items()}
"""The series of a size class, by priority."""
_CACHE, _FETCHES, _DELIVERIES = LAYOUT.places(CACHE), LAYOUT.places(FETCHES), LAYOUT.places(DELIVERIES)
_HIT, _MISS = _CACHE[HIT,], _CACHE[MISS,]
_KNOWN_CODES, _KNOWN_FORMATS = frozenset(CODES), frozenset(FORMATS)
_REASONS = {
    "unheard for too long": SILENCE,
    "it left": LEFT,
    "its process died": DIED,
    "its connection is another's": REPLACED,
    "its key was removed": DENIED,
    "it sends more than a worker can": DENIED,
    "its worker does not have it": STRANGE,
    "its worker did not come back": ABSENT,
}
"""The reasons by the words of a job's timeline."""
DELAYED, ASSIGNED, RETURNED = EventKind.DELAYED.value, EventKind.ASSIGNED.value, EventKind.RETURNED.value
SECONDS_MAX = 1e6
"""A stage that took longer was measured by a clock that was set meanwhile."""
NOTED_MAX = 1000
"""Jobs whose seconds are noted and not yet counted: some 250 KB."""


class Figures:
    """The counts of one core since its start. `number` grows with each beat that tells them."""

    def __init__(self) -> None:
        self.cells = [0] * LAYOUT.size
        self.cpu_ms: dict[str, float] = {}
        self.number = 0
        self._waits: dict[int, list[float]] = {}
        """Noted waits, by the first cell of their series."""
        self._times: list[Times] = []
        """Noted times of decoders."""

    def ended(self, state: str, code: str | None) -> None:
        """A job ended, but not well."""
        at = _ENDED.get((state, code or ""))
        self.cells[_ENDED[state, OTHER] if at is None else at] += 1

    def lost(self, why: str) -> None:
        """A lease was lost, by the words of the job's timeline."""
        self.cells[_LOST[_REASONS.get(why, OTHER),]] += 1

    def retried(self, code: str) -> None:
        """A try with this code is made again."""
        self.cells[_RETRIES[code if code in _KNOWN_CODES else OTHER,]] += 1

    def began(self, lane: Lane, timeline: list[TimelineEntry], due: float, now: float, offset: float) -> None:
        """A job begins at monotonic time `now`, which is wall time without `offset`: note how long it was due. It was
        due from what happened before its assignment on (its acceptance, a requeue, the loss of its last lease), or,
        after a delay, from the end of that, which was `due`. A worker that gave it back unbegun changes nothing."""
        place, series = len(timeline) - 1, _QUEUES.get(size_of(lane))
        while place > 0 and timeline[place].event != ASSIGNED:  # renditions of the cache are told after it
            place -= 1
        while place > 1 and timeline[place - 1].event == RETURNED and timeline[place - 2].event == ASSIGNED:
            place -= 2
        if place > 0 and series is not None:
            before = timeline[place - 1]
            since = before.at - offset
            if before.event == DELAYED and due > since:
                since = due
            at = series[lane.priority]
            noted = self._waits.get(at)
            if noted is None:
                noted = self._waits[at] = []
            noted.append(now - since if now > since else 0.0)
            if len(noted) >= NOTED_MAX:
                self._count()

    def finished(self, preset: str | None, cpu_ms: float | None, times: Times | None, *, cached: bool) -> None:
        """A job is done: by the result cache, or by a decoder, at the cost of so much CPU."""
        self.cells[_DONE] += 1
        self.cells[_HIT if cached else _MISS] += 1
        if cpu_ms is not None:
            name = preset or INLINE
            if name not in self.cpu_ms and len(self.cpu_ms) >= PRESETS_MAX:
                name = OTHER
            self.cpu_ms[name] = self.cpu_ms.get(name, 0.0) + cpu_ms
        if times is not None:
            self._times.append(times)
            if len(self._times) >= NOTED_MAX:
                self._count()

    def fetched(self, outcome: str) -> None:
        """An attempt to fetch an original ended."""
        self.cells[_FETCHES[outcome,]] += 1

    def measured(self, cells: Sequence[int]) -> None:
        """What the loop has measured so far."""
        self.cells[:LOOP_SIZE] = cells

    def told(self, accepted: int, deliveries: dict[str, int], queued: float, stuck: float) -> Told | None:
        """All of it, for the beat, with what others know anyhow: the jobs that were `accepted`, the attempts of
        `deliveries` by outcome, and since how many seconds a job is `queued` and a delivery `stuck`. None: nothing is
        counted."""
        self._count()
        self.cells[_ACCEPTED] = accepted
        for outcome, count in deliveries.items():
            self.cells[_DELIVERIES[outcome,]] = count
        return Told(self.number, LAYOUT.digest, [*self.cells], {**self.cpu_ms}, stuck, queued)

    def _count(self) -> None:
        """Count what is noted."""
        for at, waits in self._waits.items():
            observe_all(self.cells, at, _QUEUE_FAMILY, waits)
        by_format: dict[str, list[list[float]]] = {}
        for times in self._times:
            format = times.format if times.format in _KNOWN_FORMATS else OTHER
            by_format.setdefault(format, []).append(times.seconds)
        for format, jobs in by_format.items():
            for stage, column in zip(STAGES, zip_longest(*jobs, fillvalue=SECONDS_MAX), strict=False):
                ordered = sorted(column)
                sane = ordered[bisect_left(ordered, 0.0) : bisect_left(ordered, SECONDS_MAX)]
                observe_all(self.cells, _PROCESSING[stage, format], _PROCESSING_FAMILY, sane)
        self._waits, self._times = {}, []


class NoFigures(Figures):
    """Counts nothing, where METRICS is off."""

    def __init__(self) -> None:
        super().__init__()
        self.cells = []

    def ended(self, state: str, code: str | None) -> None:
        """Nothing."""

    def lost(self, why: str) -> None:
        """Nothing."""

    def retried(self, code: str) -> None:
        """Nothing."""

    def began(self, lane: Lane, timeline: list[TimelineEntry], due: float, now: float, offset: float) -> None:
        """Nothing."""

    def finished(self, preset: str | None, cpu_ms: float | None, times: Times | None, *, cached: bool) -> None:
        """Nothing."""

    def fetched(self, outcome: str) -> None:
        """Nothing."""

    def measured(self, cells: Sequence[int]) -> None:
        """Nothing."""

    def told(self, accepted: int, deliveries: dict[str, int], queued: float, stuck: float) -> Told | None:
        """Nothing."""
        return None
