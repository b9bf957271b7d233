"""What a courier does under its leases, sans-I/O: deliveries and fetches, so many at once for each host.

Its connection to the broker, its drain and the keeping of its answers are those of every holder of leases
(jobs/session/holder.py). Knows no socket, thread or clock. Each call ends by itself in its own time.
"""

from collections import Counter
from collections.abc import Callable
from math import inf
from typing import Any
from urllib.parse import urlsplit

from courier.core.events import CallEnded, Effects
from jobs import wire
from jobs.job import Code
from jobs.session.holder import LeaseHolder
from jobs.session.leases import Answer, Lease

GATHER_SECONDS = 0.02
"""Between two messages of answers at least: calls that end one by one would keep the broker busy with a turn and a
commit for each. The first answer after a rest goes at once."""
CALLS_PER_HOST = 4
"""Calls of one host at once: a slow stranger holds no more of a courier."""


def host_of(url: str) -> str:
    """Whom an address calls: its host, or its bucket. Empty for a text that is no address; the gate refuses it."""
    try:
        return urlsplit(url).hostname or ""
    except ValueError:
        return ""


class Session(LeaseHolder):
    """One courier process towards its broker. It makes `slots` calls at once. `drain_seconds` and `silence_seconds` are
    the settings of these names."""

    def __init__(
        self, incarnation: str, name: str, pid: int, slots: int, drain_seconds: float, silence_seconds: float,
        now: float,
    ) -> None:  # fmt: skip
        me = wire.Ready(incarnation, name, pid, 0, "", [], kind=wire.COURIER, slots=slots)
        super().__init__(me, slots, drain_seconds, silence_seconds, now)
        self._slots = slots
        self._answers: list[Answer] = []
        self._said_at = -inf
        self._draining_unsaid = False

    def _by_type(self) -> dict[type, Callable[[Any], None]]:
        return super()._by_type() | {
            CallEnded: self._on_call_ended,
            wire.Deliver: self._on_deliver,
            wire.Fetch: self._on_fetch,
        }

    @property
    def deadline(self) -> float:
        """When to tick next (monotonic seconds)."""
        return min(super().deadline, self._said_at + GATHER_SECONDS if self._answers else inf)

    @property
    def calls(self) -> int:
        """How many calls are under way."""
        return len(self._leases.running)

    def drain(self) -> Effects:
        """The effects of everything since the last drain."""
        leave = self._leaves()
        kill, self._kill = self._kill, []
        reconnect, self._reconnect = self._reconnect, False
        return Effects(kill, self._sends(leave), self._begin(), reconnect, leave)

    def check(self) -> None:
        """Raises AssertionError where the session contradicts itself."""
        super().check()
        assert max(self._hosts().values(), default=0) <= CALLS_PER_HOST
        assert len(self._leases.running) <= self._slots

    # -- what drain collects

    def _begin(self) -> list[wire.Delivery | wire.Source]:
        begin: list[wire.Delivery | wire.Source] = []
        if not self._leases.waiting or len(self._leases.running) >= self._slots:
            return begin
        hosts = self._hosts()
        for lease in list(self._leases.waiting.values()):
            host = host_of(lease.work.url)
            if hosts[host] < CALLS_PER_HOST and len(self._leases.running) < self._slots:
                hosts[host] += 1
                begin.append(self._leases.give_one(lease.job, self._now).work)
        return begin

    def _hosts(self) -> Counter[str]:
        """The calls under way of each host."""
        return Counter(host_of(lease.work.url) for lease in self._leases.running.values())

    def _waits(self) -> bool:
        return bool(self._answers) and self._now < self._said_at + GATHER_SECONDS and not self.draining

    def _messages(self, leave: bool) -> list[Any]:
        sends: list[Any] = []
        if self._draining_unsaid:
            self._draining_unsaid = False
            sends.append(wire.Draining())
        answers, self._answers = self._answers, []
        if answers:
            self._said_at = self._now
        kinds: tuple[tuple[type, Callable[[Any], Any]], ...] = (
            (wire.Attempted, wire.Delivered),
            (wire.SourceFetched, wire.Fetched),
            (wire.Failure, wire.Failed),
            (wire.LeaseRef, wire.Returned),
        )
        for kind, message in kinds:
            if said := [answer for answer in answers if type(answer) is kind]:
                sends.append(message(said))
        if (beat := self._beat_due()) is not None:
            sends.append(beat)
        return [*sends, wire.Leaving()] if leave else sends

    def _keep(self, answers: list[Answer]) -> None:
        self._answers, self._said_at = answers, -inf

    def _say(self, answer: Answer) -> None:
        self._answers.append(answer)

    def _say_draining(self) -> None:
        self._draining_unsaid = True

    def _abandoned(self, lease: Lease) -> None:
        if isinstance(lease.work, wire.Source):
            self._fail(lease, Code.CANCELLED, "cancelled")
        else:
            self._answer(lease, lease.ref)

    # -- the leases

    def _on_deliver(self, deliver: wire.Deliver) -> None:
        for delivery in deliver.deliveries:
            self._take(delivery, delivery.id, delivery.attempt, inf)
        self._refuse_if_draining()

    def _on_fetch(self, fetch: wire.Fetch) -> None:
        for source in fetch.jobs:
            self._take(source, source.job, source.lease, inf)
        self._refuse_if_draining()

    def _refuse_if_draining(self) -> None:
        if self.draining:
            self._give_back_waiting()

    def _on_call_ended(self, event: CallEnded) -> None:
        result = event.result
        number = result.attempt if isinstance(result, wire.Attempted) else result.lease
        job = result.id if isinstance(result, wire.Attempted) else result.job
        lease = self._leases.find_running(job, number)
        if lease is not None:
            self._answer(lease, result)
