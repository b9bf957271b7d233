"""Workers in simulated time on the real dispatcher: each job takes its seconds, each web's estimate is kept beside
what came true. The brute force that the forecast's arithmetic is held against.

Owns no expectation: the tests do. Nothing waits: the clock jumps from event to event.
"""

from math import inf
from typing import Any, NamedTuple

from broker.core.books.events import Policy
from jobs import wire
from jobs.tenants import running_max_of
from jobs.wire import Finish, Finished, LeaseRef, NewJob, Returned, Start, Started
from tests.properties.harness import OFFSET, DispatcherHarness, Done, leases_in, ready
from web.broker.waiting import Place, WaitForecast


class Estimate(NamedTuple):
    """What web said of a job when it and all that came with it were accepted, and when that was."""

    at: float
    place: Place


class QueueSimulation:
    """`seconds` by size class. Give the arrivals to `come`, then `run`."""

    def __init__(self, workers: int, seconds: dict[str, float], capacity: int = 5, **policy: Any) -> None:
        self.harness = DispatcherHarness(**{"prefetch_seconds": Policy().prefetch_seconds, **policy})
        self.seconds = seconds
        self.forecast = WaitForecast(lambda: self.harness.now, running_max_of(policy.get("tenants", {})))
        self.estimates: dict[str, Estimate] = {}
        self.ended: dict[str, float] = {}
        self.began: dict[str, float] = {}
        self._held: dict[bytes, list[tuple[str, int]]] = {}
        self._until: dict[bytes, float] = {}
        self._arrivals: list[tuple[float, list[NewJob]]] = []
        self._requests = 0
        self._capacity = capacity
        for number in range(workers):
            peer = b"w%d" % number
            self._held[peer], self._until[peer] = [], inf
        self._introduce()

    def come(self, at: float, *jobs: NewJob) -> None:
        """These jobs are POSTed, one by one, at that time."""
        self._arrivals.append((at, list(jobs)))
        self._arrivals.sort(key=lambda arrival: arrival[0])

    def run(self) -> None:
        """Until all have ended."""
        while self._arrivals or any(self._held.values()):
            self._step()

    def run_until(self, at: float) -> None:
        """Until that time, whatever waits then."""
        while min([arrival for arrival, _ in self._arrivals[:1]] + [*self._until.values()]) <= at:
            self._step()
        self.harness.now = max(self.harness.now, at)
        self.turn(tick=True)

    def place(self, job: str) -> Place:
        """What web says of a job now."""
        return self.forecast.places()(self.harness.row(job))

    def error(self, job: str) -> float:
        """Estimated less true seconds from then to its end."""
        estimate = self.estimates[job]
        assert estimate.place.eta_seconds is not None, f"nothing was said of {job}"
        return estimate.place.eta_seconds - self.true(job)

    def true(self, job: str) -> float:
        """Seconds from then to its end; 0 where it had ended before."""
        return max(0.0, self.ended[job] - self.estimates[job].at)

    def restart(self) -> None:
        """Another broker starts while no worker holds a job."""
        assert not any(self._held.values())
        self.harness.start()
        self._introduce()

    def _introduce(self) -> None:
        for peer in self._held:
            self.harness.receive(peer, ready(peer.decode(), self._capacity))
        self.turn(tick=True)

    def _step(self) -> None:
        harness = self.harness
        arrival = self._arrivals[0][0] if self._arrivals else inf
        peer = min(self._until, key=lambda each: self._until[each])
        harness.now = max(harness.now, min(arrival, self._until[peer], harness.dispatcher.deadline))
        for peer_of_all in self._held:
            harness.receive(peer_of_all, wire.WorkerBeat([]))
        if self._until[peer] <= harness.now:
            job, lease = self._held[peer].pop(0)
            self.ended[job] = harness.now
            harness.receive(peer, Finished([Finish(job, lease, [], None)]))
            self._begin(peer)
        if arrival <= harness.now:
            self._post(self._arrivals.pop(0)[1])
        self.turn(tick=harness.dispatcher.deadline <= harness.now)

    def _post(self, jobs: list[NewJob]) -> None:
        for job in jobs:
            self._requests += 1
            self.harness.submit(job, request=str(self._requests))
            self.turn()
        places = self.forecast.places()
        self.estimates.update((job.id, Estimate(self.harness.now, places(self.harness.row(job.id)))) for job in jobs)

    def turn(self, tick: bool = False) -> None:
        """One turn of the broker; web and the workers hear of it."""
        done = self.harness.turn(tick)
        for effects in self.harness.last:
            if effects.changes is not None:
                self.forecast.received_changes(effects.changes.changes)
            if effects.beat is not None:
                self.forecast.received_beat(effects.beat)
        self._deliver(done)

    def _deliver(self, done: Done) -> None:
        for peer, job, lease in leases_in(done, wire.Assign):
            self._held[peer].append((job, lease))
            if len(self._held[peer]) == 1:
                self._begin(peer)
        for peer, job, lease in leases_in(done, wire.Recall):
            if (job, lease) in self._held[peer][1:]:
                self._held[peer].remove((job, lease))
                self.harness.receive(peer, Returned([LeaseRef(job, lease)]))

    def _begin(self, peer: bytes) -> None:
        """The decoder takes the first that its worker holds."""
        self._until[peer] = inf
        if self._held[peer]:
            job, lease = self._held[peer][0]
            self.began[job] = self.harness.now
            self._until[peer] = self.harness.now + self.seconds[self.harness.row(job).lane[0]]
            self.harness.receive(peer, Started([Start(job, lease, OFFSET + self.harness.now)]))
