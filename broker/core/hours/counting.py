"""Counts what happens in the interval under way, and says when its row is to be written. Pure: times are arguments.

Owns the interval under way. Knows no other interval: the ledger keeps them, and web reads them there. An event costs
some additions; nothing is scanned, and nothing is kept of a job that is not one of the slowest.
"""

from bisect import bisect

from jobs.intervals import BOUNDS, SLOWEST_MAX, STEP_SECONDS, Figures, Slow, decode_figures, encode_figures
from jobs.records import IntervalEntry

WRITE_SECONDS = 10.0
"""Between two writes of the interval under way, if its figures have changed: what a killed broker may lose of them."""
LOOK_SECONDS_MAX = 2.0
"""Seconds between two looks that count at most. A process that was stopped for longer counted nothing meanwhile."""


class Hours:
    """The figures of the interval under way."""

    def __init__(self) -> None:
        self.figures = Figures()
        self._at: int | None = None
        """When the interval began (wall time); None before the first look."""
        self._last: IntervalEntry | None = None
        """As the ledger has the newest."""
        self._stored = b""
        """The same without the seconds that were counted."""
        self._least = 0.0
        """A job that took no longer is none of the slowest."""
        self._looked_at = self._write_at = 0.0
        self._has_seen = False

    def restore(self, entry: IntervalEntry | None, now: float) -> None:
        """Begin with the newest interval in the ledger, which may be over."""
        self._looked_at, self._write_at = now, now + WRITE_SECONDS
        if entry is not None:
            self._at, self.figures, self._last = entry.at, decode_figures(entry.figures), entry
            self._stored = self._changing()
            self._mind_slowest()
            self._has_seen = True

    def accepted(self, count: int) -> None:
        """So many jobs were accepted."""
        self.figures.accepted += count

    def ended(
        self, job: str, tenant: str, state: str, code: str | None, accepted_at: float, began_at: float | None, at: float
    ) -> None:
        """A job ended at wall time `at`. `began_at`: its last begin, None if there was none. `accepted_at`: infinite
        if its wait says nothing."""
        figures = self.figures
        figures.ended[state] = figures.ended.get(state, 0) + 1
        if code is not None:
            figures.codes[code] = figures.codes.get(code, 0) + 1
        if began_at is None:
            return
        took = at - began_at
        if took < 0.0:  # the wall clock was put back meanwhile
            took = 0.0
        times = figures.runs  # as Times.add, without its calls: each job comes through here
        times.seconds += took
        times.parts[bisect(BOUNDS, took)] += 1
        if took > self._least:
            figures.name_slow(Slow(job, tenant, took))
            self._mind_slowest()
        if accepted_at <= began_at:
            times = figures.waits
            times.seconds += (waited := began_at - accepted_at)
            times.parts[bisect(BOUNDS, waited)] += 1

    def seen(self, queued: int, oldest_seconds: float, workers: int) -> None:
        """So many jobs wait now, the oldest for so long, and there are so many workers."""
        figures = self.figures
        figures.queued_max = max(figures.queued_max, queued)
        figures.oldest_seconds = max(figures.oldest_seconds, oldest_seconds)
        figures.workers_min = min(figures.workers_min, workers) if self._has_seen else workers
        figures.workers_max = max(figures.workers_max, workers)
        self._has_seen = True

    def look(self, now: float, wall: float) -> list[IntervalEntry]:
        """At a beat: what to write now. Events since the last look belong to the interval that was under way then."""
        at, written = int(wall // STEP_SECONDS) * STEP_SECONDS, list[IntervalEntry]()
        if self._at is None:
            self._at = at
        elif at != self._at:
            if (over := self._entry()) != self._last:
                written.append(over)
            self._begin(at, now)
        self.figures.counted_seconds += min(LOOK_SECONDS_MAX, max(0.0, now - self._looked_at))
        self._looked_at = now
        if now >= self._write_at:
            self._write_at = now + WRITE_SECONDS
            if (changing := self._changing()) != self._stored:
                self._stored, self._last = changing, self._entry()
                written.append(self._last)
        return written

    def _begin(self, at: int, now: float) -> None:
        self._at, self.figures, self._stored = at, Figures(), b""
        self._least, self._has_seen, self._write_at = 0.0, False, now + WRITE_SECONDS

    def _entry(self) -> IntervalEntry:
        assert self._at is not None
        return IntervalEntry(self._at, encode_figures(self.figures))

    def _changing(self) -> bytes:
        """The figures without the time that was counted, and nothing while no job came, waited or ended: an idle broker
        writes an interval once, when it is over."""
        figures = self.figures
        if not (figures.accepted or figures.ended or figures.queued_max):
            return b""
        counted, figures.counted_seconds = figures.counted_seconds, 0.0
        encoded = encode_figures(figures)
        figures.counted_seconds = counted
        return encoded

    def _mind_slowest(self) -> None:
        slowest = self.figures.slowest
        self._least = slowest[-1].seconds if len(slowest) == SLOWEST_MAX else 0.0
