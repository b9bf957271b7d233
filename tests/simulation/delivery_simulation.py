"""Brokers, couriers and receivers in simulated time: the real dispatcher, and faults drawn from one seed.

Jobs end, and their receivers are told; one of these gets more at once than a lane's window holds. Brokers die, also in
a commit that may have lasted or not; couriers die, hang, drain, reconnect, and repeat their answers; receivers are
down, slow, or gone; people replay what they saw a moment ago. Afterwards the faults stop, and then every end must have
been told at least once, and nothing else, and nothing is left in memory.
"""

import json
import random
from collections import Counter
from dataclasses import dataclass, field
from math import inf
from typing import Any

from broker.core.books.events import Replayed
from broker.core.couriers.deliveries import Sending
from jobs import wire
from jobs.deliveries import DeliveryRow, DeliveryWhere
from jobs.errors import LedgerFailed
from jobs.leases import count_of
from jobs.wire import Attempted, Delivered, Held, LeaseRef, Returned
from tests.properties.harness import DispatcherHarness, courier, ready, told_job

BULK = 220
"""Jobs that end at once, more than three windows of a lane."""
HOSTS = ("up", "down", "flaky", "gone", "slow")
"""What each receiver does: takes all; is down until the end of the faults; fails half of its attempts; answers 410;
answers after seconds."""
SLOTS = 6
WORKER = b"w"


@dataclass
class Carrier:
    """A courier: what it holds, until when, and the answers that are not settled yet. `hung`: until when it says and
    does nothing."""

    name: str
    peer: bytes = b""
    held: dict[str, Sending] = field(default_factory=dict)
    due: dict[str, float] = field(default_factory=dict)
    unsettled: dict[str, Attempted] = field(default_factory=dict)
    hung: float = 0.0
    draining: bool = False

    def holding(self) -> list[Held]:
        """All leases, as it says in Ready and in beats."""
        held = {each.id: each.attempt for each in self.held.values()}
        held |= {each.id: each.attempt for each in self.unsettled.values()}
        return [Held(delivery, number, True) for delivery, number in held.items()]


class DeliverySimulation:
    """One run. `run` returns what was counted; it raises AssertionError where a promise was broken."""

    def __init__(self, seed: int, jobs: int = 60, chaos_seconds: float = 60.0) -> None:
        self.random = random.Random(seed)
        self.harness = DispatcherHarness(silence_seconds=2.0, grace_seconds=0.5)
        self.jobs, self.chaos = jobs, chaos_seconds
        self.counts: Counter[str] = Counter()
        self.took: Counter[tuple[str, int]] = Counter()
        """How often receivers took each event, by job and change."""
        self.couriers: list[Carrier] = []
        self._made = 0
        self._leases: dict[str, int] = {}
        self._last_replay_at = chaos_seconds + 20.0
        self._bulk_at = chaos_seconds * self.random.uniform(0.1, 0.7)

    @property
    def calm(self) -> bool:
        """Whether faults have stopped."""
        return self.harness.now >= self.chaos

    def run(self) -> dict[str, int]:
        """Chaos, then calm until nothing waits."""
        self.begin()
        arrivals = sorted(self.random.uniform(0.0, self.chaos) for _ in range(self.jobs))
        end = self.chaos + 600.0
        while self.harness.now < end:
            while arrivals and arrivals[0] <= self.harness.now:
                self.guarded(lambda: self.come(self.jobs - len(arrivals)))
                arrivals.pop(0)
            if self.harness.now >= self._bulk_at:
                self._bulk_at = inf
                self.guarded(self.come_at_once)
            if not self.calm and self.random.random() < 0.25:
                self.fault()
            self.guarded(self.step)
            if self.calm and not arrivals and not self.harness.told(state="waiting"):
                break
            self.harness.now += self.random.uniform(0.05, 0.4) if not self.calm or self.busy else 1.5
        self.judge()
        self.judge_memory()
        return dict(sorted(self.counts.items()))

    @property
    def busy(self) -> bool:
        """Whether couriers hold something."""
        return any(each.held or each.unsettled for each in self.couriers)

    def begin(self) -> None:
        """A broker starts; the worker and all couriers come to it."""
        self.counts["brokers"] += 1
        self.harness.start()
        self._leases = {}
        self.harness.receive(WORKER, ready("w", 1000))
        for each in self.couriers:
            self.introduce(each)
        while len(self.couriers) < 2:
            self._made += 1
            self.couriers.append(Carrier(f"c{self._made}"))
            self.introduce(self.couriers[-1])

    def guarded(self, step: Any) -> None:
        """Carry out a step; a commit that fails ends the broker."""
        try:
            step()
        except LedgerFailed:
            self.counts["commits failed"] += 1
            self.begin()

    def introduce(self, each: Carrier) -> None:
        """A courier connects anew and says Ready; then it repeats its answers."""
        self._made += 1
        each.peer = f"{each.name}/{self._made}".encode()
        self.harness.receive(each.peer, courier(each.name, SLOTS, tuple(each.holding()), each.draining))
        for attempted in each.unsettled.values():
            self.harness.receive(each.peer, Delivered([attempted]))

    # -- jobs

    def come(self, number: int) -> None:
        """A job comes, and ends: well, by a cancel, or by a cancel and once more after a requeue."""
        job, host = f"j{number:04}", self.random.choice(HOSTS)
        urls: tuple[str, ...] = (f"https://{host}.example/{job}",)
        if self.random.random() < 0.1:
            urls = (*urls, "https://up.example/all")
        self.harness.submit(told_job(job), request=job, urls=urls)
        self.turn()
        if self.random.random() < 0.3:
            self.harness.order(wire.Cancel("web", f"c{number}", job))
            self.turn()
        if self.random.random() < 0.15 and self.harness.ledger.job(job):
            self.harness.order(wire.Requeue("web", f"q{number}", job))
            self.turn()

    def come_at_once(self) -> None:
        """Many jobs of one receiver come, and are cancelled."""
        names = [f"b{number:04}" for number in range(BULK)]
        for job in names:
            self.harness.submit(told_job(job), request=job, urls=(f"https://flaky.example/{job}",))
        self.turn()
        for job in names:
            self.harness.order(wire.Cancel("web", job, job))
        self.turn()

    def finish(self) -> None:
        """The worker is done with all that it has."""
        books = self.harness.dispatcher.books
        for entry in [*books.roster.by_peer[WORKER].leases.values()] if WORKER in books.roster.by_peer else []:
            cancelled = entry.outcome.cancel_requested
            failure = wire.Failed([wire.Failure(entry.id, entry.lease, "cancelled", "")])
            well = wire.Finished([wire.Finish(entry.id, entry.lease, [])])
            self.harness.receive(WORKER, failure if cancelled else well)

    # -- couriers

    def step(self) -> None:
        """Everybody does what is due, then the broker turns. A replay's rows were read before it heard the couriers."""
        replayed = self.replayed()
        self.finish()
        for each in [each for each in self.couriers if each.hung <= self.harness.now]:
            for delivery in [name for name, at in each.due.items() if at <= self.harness.now]:
                self.attempt(each, delivery)
            for attempted in each.unsettled.values():
                if self.random.random() < 0.3:  # an answer that comes late, or once more
                    self.harness.receive(each.peer, Delivered([attempted]))
            self.harness.receive(each.peer, wire.WorkerBeat(each.holding()))
            if each.draining and not each.held and not each.unsettled:
                self.harness.receive(each.peer, wire.Leaving())
                self.replace(each)
        self.harness.receive(WORKER, wire.WorkerBeat([]))
        if replayed:
            self.counts["replays"] += 1
            self.harness.dispatcher.handle(Replayed(wire.Replay("web", "r", None), replayed, None), self.harness.now)
        self.turn(tick=True)
        self.harness.dispatcher.check()
        waiting = self.harness.dispatcher.books.deliveries.waiting
        assert waiting == len(self.harness.told(state="waiting")), "a wrong count"

    def replayed(self) -> list[DeliveryRow]:
        """What people replay: now and then what waits, or all; and in the calm once what waits still."""
        if self.harness.now >= self._last_replay_at:
            self._last_replay_at = inf
            return self.harness.told(state="waiting")
        if self.calm or self.random.random() >= 0.1:
            return []
        return self.harness.told(state="waiting") if self.random.random() < 0.8 else self.harness.told()

    def turn(self, tick: bool = False) -> None:
        """A turn of the broker; couriers get what it sends."""
        done = self.harness.turn(tick)
        by_peer = {each.peer: each for each in self.couriers}
        for sending in done.sendings:
            each = by_peer.get(sending.peer)
            if each is not None:
                each.held[sending.id] = sending
                each.due[sending.id] = self.harness.now + self.random.uniform(0.0, 0.3) + 3.0 * ("slow" in sending.url)
        for peer, message in done.sends:
            each = by_peer.get(peer)
            if each is None:
                continue
            if isinstance(message, wire.Settled):
                for ref in message.leases:
                    self.settled(each, ref)
            elif isinstance(message, wire.Introduce) and each.hung <= self.harness.now:
                self.introduce(each)

    def settled(self, each: Carrier, ref: LeaseRef) -> None:
        """The courier may forget a lease."""
        held, unsettled = each.held.get(ref.job), each.unsettled.get(ref.job)
        if held is not None and held.attempt == ref.lease:
            del each.held[ref.job], each.due[ref.job]
        if unsettled is not None and unsettled.attempt == ref.lease:
            del each.unsettled[ref.job]

    def attempt(self, each: Carrier, delivery: str) -> None:
        """The receiver answers, and the courier says so."""
        del each.due[delivery]
        sending = each.held.pop(delivery)
        status = self.status(sending)
        self.counts[f"attempts {status}"] += 1
        if status == 200:
            data = json.loads(sending.body)["data"]
            self.took[data["id"], data["change"]] += 1
        retry = 5.0 if status == 503 else None
        attempted = Attempted(sending.id, sending.attempt, status, 0.1, retry, "" if status else "no answer", "")
        each.unsettled[delivery] = attempted
        if self.random.random() < 0.95 or self.calm:
            self.harness.receive(each.peer, Delivered([attempted]))

    def status(self, sending: Sending) -> int:
        """What the receiver answers."""
        host = sending.url.partition("://")[2].partition(".")[0]
        if host == "gone":
            return 410
        if not self.calm and (host == "down" or (host == "flaky" and self.random.random() < 0.5)):
            return self.random.choice((0, 500, 503, 301))
        return 200

    def replace(self, each: Carrier) -> None:
        """A courier's process is gone, and another one starts."""
        self.couriers.remove(each)
        self._made += 1
        self.couriers.append(Carrier(f"c{self._made}"))
        self.introduce(self.couriers[-1])

    # -- faults

    def fault(self) -> None:
        """One thing goes wrong."""
        kind = self.random.choice(("broker", "commit", "courier", "courier", "connection", "hang", "drain"))
        self.counts[kind] += 1
        each = self.random.choice(self.couriers)
        if kind == "broker":
            self.begin()
        elif kind == "commit":
            self.harness.ledger.fail_next_commit(kept=self.random.random() < 0.5)
        elif kind == "courier":
            if self.random.random() < 0.4:
                self.harness.lose(each.peer)
            elif self.random.random() < 0.7:
                self.harness.unreachable.add(each.peer)
            self.replace(each)
        elif kind == "connection":
            self.introduce(each)
        elif kind == "hang":
            each.hung = self.harness.now + self.random.uniform(0.5, 4.0)
        elif not each.draining:
            each.draining = True
            self.harness.receive(each.peer, wire.Draining())
            refs = [LeaseRef(sending.id, sending.attempt) for sending in each.held.values()]
            each.held.clear()
            each.due.clear()
            self.harness.receive(each.peer, Returned(refs))

    def judge(self) -> None:
        """Every end is told at least once, as its receiver asks; nothing is told that did not happen."""
        rows = self.harness.ledger.matching_deliveries(DeliveryWhere(), 0, 10**6, 10**6)[0]
        ends: set[tuple[str, int]] = set()
        for row in rows:
            data = json.loads(row.body)["data"]
            ends.add((data["id"], data["change"]))
            assert row.state == ("stopped" if "gone." in row.url else "delivered"), f"{row.id} {row.url} is {row.state}"
            assert row.state == "stopped" or self.took[data["id"], data["change"]], f"{row.id} was taken by nobody"
            assert row.attempts >= 1
        assert self.took.keys() <= ends, f"told, and never written: {self.took.keys() - ends}"
        jobs = self.harness.ledger.rows.values()
        assert {row.id for row in jobs} == {job for job, _ in ends}, "a job that ended, and nobody was told"
        assert all(row.state in ("done", "cancelled") for row in jobs)
        assert len({row.id for row in rows}) == len(rows)
        self.counts["told"] = sum(self.took.values())
        self.counts["events"] = len(rows)
        self.counts["attempts most"] = max(count_of(row.attempts) for row in rows)

    def judge_memory(self) -> None:
        """Nothing waits, so nothing is kept, and nobody wakes for it."""
        self.harness.now += 3600.0
        for _ in range(2):
            self.harness.turn(tick=True)
        deliveries = self.harness.dispatcher.books.deliveries
        assert not deliveries.flights and not deliveries.lanes.by_name
        assert deliveries.couriers, "who takes more"
        assert self.harness.dispatcher.deadline > self.harness.now
