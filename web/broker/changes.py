"""The broker's news: the recent changes of jobs, the latest beat, and the requests that wait for the end of a job.

Knows neither sockets (web/broker/link.py) nor the format of events (web/streams/hub.py).
"""

import asyncio
import contextlib
from collections import deque
from collections.abc import Awaitable, Callable, Mapping
from itertools import takewhile
from typing import Protocol

from jobs.job import ENDED, Row
from jobs.limits import CHANGES_KEPT
from jobs.wire import Beat, Change, Changes, Hello
from web.broker.history import History
from web.broker.waiting import WaitForecast


class Listener(Protocol):
    """Gets every change and beat as soon as it arrives."""

    @property
    def listened(self) -> bool:
        """Whether anybody listens now."""

    def changed(self, changes: list[Change], life: str) -> None:
        """Jobs changed in that life of the ledger."""

    def missed(self, last: int, life: str, *, lost: bool) -> None:
        """Changes were missed; `last` is the newest number now. `lost`: by the ledger, so numbers may repeat."""

    def beat(self, beat: Beat, waits: WaitForecast) -> None:
        """A beat came. `waits` has it already."""


class ChangeFeed:
    """A window of the latest changes. The ledger is the truth: after a gap, waiting requests read it again.

    While nobody waits (`awaited`), changes are read in batches. `poll_now` reads pending ones now, and the next ones as
    they arrive.
    """

    def __init__(self, listener: Listener, monotonic: Callable[[], float], caps: Mapping[str, int]) -> None:
        self.last = -1
        self.latest_beat: Beat | None = None
        self.counted_beat: Beat | None = None
        """The latest beat that tells figures."""
        self._counted_at = 0.0
        self.poll_now: Callable[[], None] = lambda: None
        self.refusal = ""
        """Why the broker does not let us in; "" if it does."""
        self.forecast = WaitForecast(monotonic, caps)
        self._listener = listener
        self._monotonic = monotonic
        self._received_at: float | None = None
        self._ring: deque[Change] = deque(maxlen=CHANGES_KEPT)
        self._floor = float("inf")
        self._history = History()
        self._counted = -1
        """The newest number of the previous beat, if the ledger has lost nothing since."""
        self._waiting: dict[str, set[asyncio.Future[None]]] = {}
        self._stopping = False
        self._begun = asyncio.Event()

    def received_changes(self, message: Changes) -> None:
        """All changes of one turn of the broker."""
        self._received_at = self._monotonic()
        if self._history.is_lost_by_changes(message.epoch, message.first, self.last):
            self._counted = -1
            self._gap(message.first, lost=True)
        elif message.first > self.last:
            self._gap(message.first)
        fresh = [change for change in message.changes if change.change > self.last]
        for change in fresh:
            if len(self._ring) == CHANGES_KEPT:
                self._floor = self._ring[0].change
            self._ring.append(change)
            if change.removed or change.state in ENDED:
                self._wake(change.id)
        self.last = max(self.last, message.last)
        self.forecast.received_changes(fresh)
        if fresh:
            self._listener.changed(fresh, self.life)

    def received_hello(self, hello: Hello) -> None:
        """A broker answers us, perhaps before its first beat. If the ledger has lost commits, what we know may be
        void."""
        if hello.began is not None and self._history.is_lost_by_term(
            hello.epoch, hello.began, hello.history, self.last
        ):
            self._counted = -1
            self._gap(hello.began, lost=True)

    def received_beat(self, beat: Beat) -> None:
        """The broker lives. If we lack a change that it made before its previous beat, we have missed that change. If
        the ledger has lost commits, what we know may be void."""
        if self._history.is_lost_by_term(beat.epoch, beat.began, beat.history, self.last):
            self._gap(beat.change, lost=True)
        elif self.last < self._counted:
            self._gap(self._counted)
        self._counted = beat.change
        self._received_at = self._monotonic()
        self.latest_beat = beat
        if beat.figures is not None:
            self.counted_beat, self._counted_at = beat, self._received_at
        self._begun.set()
        self.forecast.received_beat(beat)
        self._listener.beat(beat, self.forecast)

    async def first_beat(self, seconds: float) -> Beat | None:
        """The latest beat. If there was none yet, the first one, if it comes within `seconds`."""
        with contextlib.suppress(TimeoutError):
            async with asyncio.timeout(seconds):
                await self._begun.wait()
        return self.latest_beat

    @property
    def life(self) -> str:
        """The ledger's life, as ids of events name it."""
        return self._history.life

    @property
    def awaited(self) -> bool:
        """Whether anybody waits for a change."""
        return bool(self._waiting) or self._listener.listened

    def silent_seconds(self) -> float:
        """For how long the broker is unheard; infinite if it never was heard."""
        return float("inf") if self._received_at is None else self._monotonic() - self._received_at

    def counted_seconds(self) -> float:
        """How long ago `counted_beat` was heard."""
        return self._monotonic() - self._counted_at

    def since(self, change: int) -> list[Change] | None:
        """The changes after number `change`, oldest first. None: some of them are not kept any more, or the ledger has
        not come to this number: it was told from one that lost commits."""
        if change < self._floor or change > self.last:
            return None
        missed = list(takewhile(lambda kept: kept.change > change, reversed(self._ring)))
        return missed[::-1]

    async def until_ended(self, job: str, read: Callable[[str], Awaitable[Row | None]], seconds: float) -> Row | None:
        """The job's row when it has ended, after `seconds`, or when this process ends. None: there is no such job."""
        loop = asyncio.get_running_loop()
        until = loop.time() + seconds
        while True:
            self.poll_now()
            woken = loop.create_future()
            self._waiting.setdefault(job, set()).add(woken)
            try:
                row = await read(job)
                left = until - loop.time()
                if row is None or row.state in ENDED or left <= 0 or self._stopping:
                    return row
                await asyncio.wait([woken], timeout=left)
            finally:
                waiting = self._waiting.get(job, set())
                waiting.discard(woken)
                if not waiting:
                    self._waiting.pop(job, None)

    def stop(self) -> None:
        """Answer all waiting requests with the present state."""
        self._stopping = True
        self._begun.set()
        self._wake(*self._waiting)

    def _gap(self, last: int, *, lost: bool = False) -> None:
        self._ring.clear()
        self._floor = self.last = last
        self._wake(*self._waiting)
        self._listener.missed(last, self.life, lost=lost)

    def _wake(self, *jobs: str) -> None:
        for job in jobs:
            for woken in self._waiting.get(job, ()):
                if not woken.done():
                    woken.set_result(None)
