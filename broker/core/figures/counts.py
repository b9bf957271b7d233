"""What the core counts for /metrics: cells that the turns add to, and that each second's beat tells.

Counting decides nothing, and costs some additions for each job that ends. Nothing is counted for a job that waits.
"""

from collections.abc import Sequence

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
from jobs.figures.layout import observe
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
_CACHE, _FETCHES, _DELIVERIES = LAYOUT.places(CACHE), LAYOUT.places(FETCHES), LAYOUT.places(DELIVERIES)
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
DELAYED, ASSIGNED = EventKind.DELAYED.value, EventKind.ASSIGNED.value
SECONDS_MAX = 1e6
"""A stage that took longer was measured by a clock that was set meanwhile."""


class Figures:
    """The counts of one core since its start. `number` grows with each beat that tells them."""

    def __init__(self) -> None:
        self.cells = [0] * LAYOUT.size
        self.cpu_ms: dict[str, float] = {}
        self.number = 0

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
        """A job begins at monotonic time `now`, which is wall time without `offset`: count how long it was due. It was
        due from what happened before its assignment on (its acceptance, a requeue, the loss of its last lease), or,
        after a delay, from the end of that, which was `due`."""
        place, size = len(timeline) - 1, SIZES.get(size_of(lane))
        while place > 0 and timeline[place].event != ASSIGNED:  # renditions of the cache are told after it
            place -= 1
        if place > 0 and size is not None:
            before = timeline[place - 1]
            since = before.at - offset
            if before.event == DELAYED and due > since:
                since = due
            at = _QUEUE[size, PRIORITIES[lane.priority]]
            observe(self.cells, at, _QUEUE_FAMILY, max(0.0, now - since))

    def finished(self, preset: str | None, cpu_ms: float | None, times: Times | None, *, cached: bool) -> None:
        """A job is done: by the result cache, or by a decoder, at the cost of so much CPU."""
        self.cells[_DONE] += 1
        self.cells[_CACHE[HIT if cached else MISS,]] += 1
        if cpu_ms is not None:
            name = preset or INLINE
            if name not in self.cpu_ms and len(self.cpu_ms) >= PRESETS_MAX:
                name = OTHER
            self.cpu_ms[name] = self.cpu_ms.get(name, 0.0) + cpu_ms
        if times is not None:
            format = times.format if times.format in _KNOWN_FORMATS else OTHER
            for stage, seconds in zip(STAGES, times.seconds, strict=False):
                if 0.0 <= seconds < SECONDS_MAX:
                    observe(self.cells, _PROCESSING[stage, format], _PROCESSING_FAMILY, seconds)

    def fetched(self, outcome: str) -> None:
        """An attempt to fetch an original ended."""
        self.cells[_FETCHES[outcome,]] += 1

    def measured(self, cells: Sequence[int]) -> None:
        """What the loop has measured so far."""
        self.cells[:LOOP_SIZE] = cells

    def told(self, accepted: int, deliveries: dict[str, int], oldest_delivery_seconds: float) -> Told | None:
        """All of it, for the beat, with what others count anyhow: the jobs that were `accepted`, and the attempts of
        `deliveries` by outcome. None: nothing is counted."""
        self.cells[_ACCEPTED] = accepted
        for outcome, count in deliveries.items():
            self.cells[_DELIVERIES[outcome,]] = count
        return Told(self.number, LAYOUT.digest, [*self.cells], {**self.cpu_ms}, oldest_delivery_seconds)


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

    def told(self, accepted: int, deliveries: dict[str, int], oldest_delivery_seconds: float) -> Told | None:
        """Nothing."""
        return None
