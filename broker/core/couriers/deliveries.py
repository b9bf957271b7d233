"""Decides about deliveries: who carries which attempt, and what follows it.

A lease of a delivery is not committed: an attempt may be made twice, and a receiver knows a repeat by its id. Only an
attempt's end is committed. After a restart couriers name what they hold, and nothing is leased before `grace_until`.
An answer changes something only under the number of the live lease. Owns the lanes and the endpoints.
"""

from collections.abc import Iterable
from math import inf
from typing import Any, Protocol

import msgspec

from broker.core.couriers.lanes import SHARED, Lane, Lanes
from jobs import wire
from jobs.deliveries import (
    DeliveryRow,
    DeliveryState,
    DeliveryUpdate,
    Due,
    DueRefill,
    Endpoint,
    delivery_id,
    is_delivery,
    lane_of,
    seq_of,
    update_of,
)
from jobs.figures.cluster import DELIVERED, GIVEN_UP, RETRIED
from jobs.leases import count_of, next_lease
from jobs.trace import Trace
from jobs.webhooks.schedule import (
    PAUSE_SECONDS,
    PROBE_SECONDS_MAX,
    after_attempt,
    is_success,
    probe_seconds,
)

BODIES = 64
"""Rows that are read for attempts in one turn: half a megabyte."""
ENDPOINTS_MAX = 10_000
"""Failing endpoints that are remembered. Beyond it the one that fails for longest is forgotten, unless it is paused."""
WAITING, FAILED = DeliveryState.WAITING.value, DeliveryState.FAILED.value
PAUSED = "the endpoint is paused: it failed for five days. A replay tries it again"
LOST = "the courier was lost during the attempt"


class Courier(Protocol):
    """A connected courier, as the roster of workers has it."""

    peer: bytes
    draining: bool
    slots: int
    reserved: int
    deliveries: dict[str, int]
    leases: dict[str, Any]


def credit(courier: Courier) -> int:
    """How much more it takes."""
    held = len(courier.deliveries) + len(courier.leases) + courier.reserved
    return 0 if courier.draining else courier.slots - held


class Sending(msgspec.Struct, frozen=True):
    """One attempt to send: to the courier `peer`, at wall time `at`. The loop signs it, so that no secret is in the
    core or in a recording."""

    peer: bytes
    tenant: str
    at: float
    id: str
    attempt: int
    url: str
    body: bytes
    trace: Trace | None = None


class Flight:
    """A delivery that a courier has. `number`: of its lease. `due_at`: from when on it waited."""

    __slots__ = ("attempts", "courier", "due_at", "id", "lane", "number", "seq", "tries")

    def __init__(self, row: DeliveryRow, lane: Lane, courier: Courier, number: int) -> None:
        self.seq, self.id, self.lane, self.courier, self.number = row.seq, row.id, lane, courier, number
        self.attempts, self.tries = row.attempts, row.tries
        self.due_at = row.due_at or 0.0


class Claim:
    """A courier says that it has this delivery, whose row is being read. `courier` None: it is gone. `answer`: how its
    attempt ended, if it said so meanwhile. `returned`: it gave it back."""

    __slots__ = ("answer", "asked", "courier", "id", "number", "returned")

    def __init__(self, courier: Courier | None, delivery: str, number: int) -> None:
        self.courier, self.id, self.number = courier, delivery, number
        self.answer: wire.Attempted | None = None
        self.asked = self.returned = False


class Deliveries:
    """All deliveries that wait or are on their way, and the endpoints that fail. `at` is wall time, `now` monotonic."""

    def __init__(self) -> None:
        self.lanes = Lanes()
        self.couriers: dict[bytes, Courier] = {}
        """Those of the roster, by connection."""
        self.endpoints: dict[str, Endpoint] = {}
        self.flights: dict[str, Flight] = {}
        self.reading: dict[int, tuple[Lane, Courier, float]] = {}
        """By seq: the rows that are being read for an attempt, whose courier has a slot reserved."""
        self.claims: dict[int, Claim] = {}
        self.last = self.nonce = 0
        self.grace_until = 0.0
        self.waiting = self.given_up = 0
        self.outcomes = {DELIVERED: 0, RETRIED: 0, GIVEN_UP: 0}
        """The attempts since the broker's start, by outcome."""
        """How many deliveries wait or are on their way; and how many have failed in this term."""
        self.clear()

    def clear(self) -> None:
        """Begin a turn: nothing to write, to read or to send."""
        self.created: list[DeliveryRow] = []
        self.attempted: list[DeliveryUpdate] = []
        self.failing: dict[str, Endpoint] = {}
        self.recovered: list[str] = []
        self.bodies: list[int] = []
        self.sendings: list[Sending] = []
        self.settled: list[tuple[bytes, str, int]] = []
        """Leases that couriers may forget: peer, id, number."""
        self.changed: dict[int, DeliveryUpdate] = {}
        """By seq, the newest of `attempted`: a row that was read before this turn does not have it."""

    def restore(
        self, lanes: list[str], endpoints: list[Endpoint], last: int, waiting: int, nonce: int, grace_until: float
    ) -> None:
        """Begin with the content of the ledger."""
        self.lanes.restore(lanes)
        self.endpoints.update((entry.lane, entry) for entry in endpoints)
        self.last, self.waiting, self.nonce, self.grace_until = last, waiting, nonce, grace_until

    def tell(
        self, tenant: str, urls: Iterable[str], type_: str, body: bytes, change: int, at: float,
        *, job: str | None, batch: str | None, trace: Trace | None = None,
    ) -> None:  # fmt: skip
        """An event happened, of which these receivers are told. `trace`: the job's."""
        for url in urls:
            self.last += 1
            lane = lane_of(tenant, url)
            if not self._is_paused(lane):
                lane = self.lanes.name_for(lane)
            row = DeliveryRow(
                self.last, delivery_id(self.last, self.nonce), tenant, job, batch, lane, url, type_, body, change, at,
                trace=trace,
            )  # fmt: skip
            if self._is_paused(lane):
                self.created.append(row._replace(state=FAILED, error=PAUSED, ended_at=at))
                self.given_up += 1
                continue
            self.waiting += 1
            self.created.append(row._replace(due_at=at))
            self.lanes.add(lane, (at, row.seq), at)

    def replay(self, row: DeliveryRow, at: float) -> bool:
        """Try a delivery again from now on, with all attempts of the schedule. Its endpoint is no longer paused.
        Returns whether that changes it: not if it is on its way."""
        if (update := self.changed.get(row.seq)) is not None:
            row = row._replace(**update._asdict())
        if row.id in self.flights or row.seq in self.reading or row.seq in self.claims:
            return False
        own = lane_of(row.tenant, row.url)
        if (entry := self.endpoints.get(own)) is not None:
            self._recover(entry.lane)
        if row.due_at is not None:
            self.lanes.discard(row.lane, (row.due_at, row.seq))
        else:
            self.waiting += 1
        lane = self.lanes.lane(row.lane if row.due_at is not None else self.lanes.name_for(own))
        lane.failures, lane.rests_until = 0, 0.0
        self._write(update_of(row._replace(lane=lane.name, tries=0, due_at=at, state=WAITING, ended_at=None)))
        self.lanes.add(lane.name, (at, row.seq), at)
        return True

    # -- couriers come, answer and leave

    def introduced(self, courier: Courier, known: Courier | None, holding: Iterable[wire.Held], at: float) -> None:
        """A courier said Ready, and was `known` before. Deliveries that it holds go on, its others are lost."""
        if known is not None:
            self.couriers.pop(known.peer, None)
        self.couriers[courier.peer] = courier
        for held in holding:
            if (seq := seq_of(held.job)) is not None:
                self._hold(courier, known, seq, held)
        if known is not None:
            self._part(known, at)

    def _hold(self, courier: Courier, known: Courier | None, seq: int, held: wire.Held) -> None:
        flight = self.flights.get(held.job)
        if flight is not None and flight.courier is known and flight.number == held.lease:
            del flight.courier.deliveries[held.job]
            flight.courier = courier
            courier.deliveries[held.job] = held.lease
        elif flight is None and seq not in self.reading and seq not in self.claims:
            self.claims[seq] = Claim(courier, held.job, held.lease)
            courier.deliveries[held.job] = held.lease
        elif seq in self.claims and self.claims[seq].courier is known:
            claim = self.claims[seq]
            claim.courier, claim.id, claim.number = courier, held.job, held.lease
            courier.deliveries[held.job] = held.lease
        else:
            self.settled.append((courier.peer, held.job, held.lease))

    def lost(self, courier: Courier, at: float) -> None:
        """A courier is dead or silent, or has left: its attempts count as failed, because nobody knows how they
        ended."""
        self.couriers.pop(courier.peer, None)
        self._part(courier, at)

    def _part(self, courier: Courier, at: float) -> None:
        """End what this courier had."""
        for flight in [flight for flight in self.flights.values() if flight.courier is courier]:
            self._end(flight, 0, LOST, "", None, at)
        for seq, claim in list(self.claims.items()):
            if claim.courier is courier:
                del self.claims[seq]
                self._reload(claim.id, seq)

    def _reload(self, delivery: str, seq: int) -> None:
        """Nobody has it after all: its row says whether it waits."""
        claim = self.claims[seq] = Claim(None, delivery, 0)
        claim.returned = True

    def delivered(self, courier: Courier, message: wire.Delivered, at: float) -> None:
        """Attempts ended."""
        for answer in message.deliveries:
            flight = self._live(courier, answer.id, answer.attempt)
            claim = self.claims.get(seq_of(answer.id) or 0)
            if flight is not None:
                self._end(flight, answer.status, answer.error, answer.answer, answer.retry_after, at)
            elif claim is not None and claim.courier is courier and claim.number == answer.attempt:
                claim.answer = answer
                continue  # it is settled when its row is read
            self.settled.append((courier.peer, answer.id, answer.attempt))

    def returned(self, courier: Courier, ref: wire.LeaseRef, at: float) -> None:
        """A courier gives an attempt back, by a drain: it counts for nothing."""
        flight = self._live(courier, ref.job, ref.lease)
        claim = self.claims.get(seq_of(ref.job) or 0)
        if flight is not None:
            self._land(flight, at)
            self.lanes.add(flight.lane.name, (flight.due_at, flight.seq), at)
        elif claim is not None and claim.courier is courier and claim.number == ref.lease:
            claim.returned = True
        self.settled.append((courier.peer, ref.job, ref.lease))

    def holds(self, courier: Courier, held: wire.Held) -> bool:
        """A beat lists a lease: if it is of a delivery that the courier does not have, it may forget it. Returns
        whether it is of a delivery."""
        if not is_delivery(held.job):
            return False
        if courier.deliveries.get(held.job) != held.lease:
            self.settled.append((courier.peer, held.job, held.lease))
        return True

    # -- attempts begin and end

    def match(self, now: float, at: float) -> None:
        """Read the rows of attempts that may begin, while couriers take more."""
        for seq, claim in self.claims.items():
            if not claim.asked and len(self.bodies) < BODIES:
                claim.asked = True
                self.bodies.append(seq)
        if now < self.grace_until:
            return
        while len(self.bodies) < BODIES and (courier := self.free()) is not None:
            taken = self.lanes.take(at)
            if taken is None:
                return
            lane, (due_at, seq) = taken
            if seq in self.claims:
                self.lanes.arrive(lane, at)
                continue
            courier.reserved += 1
            self.reading[seq] = lane, courier, due_at
            self.bodies.append(seq)

    def read(self, asked: list[int], rows: list[DeliveryRow], at: float) -> None:
        """The ledger's rows of these deliveries: the attempts begin. A row that is gone was purged."""
        found = {row.seq: row for row in rows}
        for seq in asked:
            row = found.get(seq)
            if (claim := self.claims.pop(seq, None)) is not None:
                self._claimed(claim, row, at)
            elif (reading := self.reading.pop(seq, None)) is not None:
                self._begin(*reading, row, at)

    def _begin(self, lane: Lane, courier: Courier, due_at: float, row: DeliveryRow | None, at: float) -> None:
        courier.reserved -= 1
        if row is None or row.due_at is None:
            self.lanes.arrive(lane, at)
            return self._relieve(lane)
        if self._is_paused(lane.name):
            self._write(update_of(row._replace(due_at=None, state=FAILED, error=PAUSED, ended_at=at)))
            return self.lanes.arrive(lane, at)
        if courier.draining:  # it may have left meanwhile
            self.lanes.add(lane.name, (due_at, row.seq), at)
            return self.lanes.arrive(lane, at)
        number = next_lease(row.attempts, self.nonce)
        self._fly(Flight(row, lane, courier, number))
        self.sendings.append(Sending(courier.peer, row.tenant, at, row.id, number, row.url, row.body, row.trace))
        return None

    def _claimed(self, claim: Claim, row: DeliveryRow | None, at: float) -> None:
        """A courier held this before it said Ready. It is right if the row waits for that very attempt."""
        courier = claim.courier
        if courier is not None:
            courier.deliveries.pop(claim.id, None)
        waits = row is not None and row.id == claim.id and row.due_at is not None
        right = waits and row is not None and count_of(claim.number) == count_of(next_lease(row.attempts, 0))
        if row is not None and right and courier is not None and not claim.returned:
            lane = self.lanes.lane(row.lane)
            self.lanes.discard(row.lane, (row.due_at or 0.0, row.seq))
            flight = Flight(row, lane, courier, claim.number)
            self._fly(flight)
            self.lanes.depart(lane, at)
            if (answer := claim.answer) is None:
                return
            self._end(flight, answer.status, answer.error, answer.answer, answer.retry_after, at)
        elif row is not None and row.due_at is not None:
            self.lanes.discard(row.lane, (row.due_at, row.seq))
            self.lanes.add(row.lane, (row.due_at, row.seq), at)
        if courier is not None and not claim.returned:
            self.settled.append((courier.peer, claim.id, claim.number))

    def _fly(self, flight: Flight) -> None:
        self.flights[flight.id] = flight
        flight.courier.deliveries[flight.id] = flight.number

    def _live(self, courier: Courier, delivery: str, number: int) -> Flight | None:
        """The flight, if this courier has it under this very number."""
        flight = self.flights.get(delivery)
        return flight if flight is not None and (flight.courier, flight.number) == (courier, number) else None

    def _land(self, flight: Flight, at: float) -> None:
        del self.flights[flight.id]
        flight.courier.deliveries.pop(flight.id, None)
        self.lanes.arrive(flight.lane, at)

    def _end(self, flight: Flight, status: int, error: str, answer: str, retry_after: float | None, at: float) -> None:
        """An attempt ended: write it, and decide what follows."""
        attempts, tries = flight.attempts + 1, flight.tries + 1
        verdict = after_attempt(flight.id, tries, status, retry_after)
        due_at = at + verdict.delay_seconds if verdict.state is DeliveryState.WAITING else None
        ended_at = at if due_at is None else None
        if not is_success(status) and not error:
            error = f"the receiver answered {status}"
        state = verdict.state.value
        self.outcomes[DELIVERED if is_success(status) else RETRIED if due_at is not None else GIVEN_UP] += 1
        lane = flight.lane
        self._write(
            DeliveryUpdate(lane.name, attempts, tries, due_at, state, status, error, answer, ended_at, flight.seq)
        )
        if is_success(status):
            self._succeeded(lane)
        elif error != LOST:
            self._failed(lane, retry_after, at)
        if due_at is not None:
            self.lanes.add(lane.name, (due_at, flight.seq), at)
        self._land(flight, at)
        self._relieve(lane)

    def _write(self, update: DeliveryUpdate) -> None:
        """An attempt of a waiting delivery ended, or is given up; or the delivery waits again."""
        self.waiting -= update.due_at is None
        self.given_up += update.state == FAILED
        self.attempted.append(update)
        self.changed[update.seq] = update

    # -- endpoints

    def _is_paused(self, lane: str) -> bool:
        entry = self.endpoints.get(lane)
        return entry is not None and entry.paused_at is not None

    def _succeeded(self, lane: Lane) -> None:
        lane.failures, lane.rests_until = 0, 0.0
        if lane.name in self.endpoints:
            self._recover(lane.name)

    def _relieve(self, lane: Lane) -> None:
        """If nothing waits in a lane, its next failure is the first one: it may come months later. A pause stays."""
        if lane.is_idle and lane.name in self.endpoints and not self._is_paused(lane.name):
            self._recover(lane.name)

    def _recover(self, lane: str) -> None:
        del self.endpoints[lane]
        self.failing.pop(lane, None)
        self.recovered.append(lane)

    def _failed(self, lane: Lane, retry_after: float | None, at: float) -> None:
        """An attempt failed: the lane rests if the receiver asks for it, or if only probes are sent. Who shares a lane
        does not rest for others."""
        if lane.name == SHARED:
            return
        lane.failures += 1
        rest = max(min(retry_after or 0.0, PROBE_SECONDS_MAX), probe_seconds(lane.failures))
        lane.rests_until = max(lane.rests_until, at + rest) if rest else lane.rests_until
        entry = self.endpoints.get(lane.name)
        if entry is None:
            self._remember(Endpoint(lane.name, at))
        elif entry.paused_at is None and at >= entry.failing_since + PAUSE_SECONDS:
            self._remember(Endpoint(lane.name, entry.failing_since, at))
            lane.rests_until = 0.0

    def _remember(self, entry: Endpoint) -> None:
        self.endpoints[entry.lane] = self.failing[entry.lane] = entry
        if len(self.endpoints) > ENDPOINTS_MAX:
            oldest = next((each for each in self.endpoints.values() if each.paused_at is None), entry)
            self._recover(oldest.lane)

    # -- what the dispatcher asks

    def refilled(self, asked: DueRefill, found: list[Due], at: float) -> None:
        """The ledger answered a refill."""
        held = {flight.seq for flight in self.flights.values()} | self.reading.keys() | self.claims.keys()
        self.lanes.refilled(asked, found, held, at)

    def free(self) -> Courier | None:
        """The courier that takes most; None: none takes more. There are few couriers."""
        best = max(self.couriers.values(), key=credit, default=None)
        return best if best is not None and credit(best) > 0 else None

    def stuck_since(self) -> float | None:
        """The wall time since which some delivery cannot be made: it is due, and none takes it, or its receiver fails;
        None: there is none."""
        times = [lane.window[0][0] for lane in self.lanes.by_name.values() if lane.window]
        times += [entry.failing_since for entry in self.endpoints.values() if entry.paused_at is None]
        return min(times, default=None)

    def view(self) -> wire.DeliveriesView:
        """What the beat says."""
        paused = sum(entry.paused_at is not None for entry in self.endpoints.values())
        return wire.DeliveriesView(self.waiting, self.given_up, len(self.endpoints), paused)

    @property
    def is_unused(self) -> bool:
        """Whether there is nothing to do or to write: nobody has asked for a delivery."""
        written = self.created or self.attempted or self.recovered
        return not (written or self.settled or self.lanes.by_name or self.claims)

    def due(self, offset: float) -> float | None:
        """When the next attempt may begin (monotonic seconds); None: nothing waits for a time. `offset`: of wall time
        to monotonic time."""
        if not self.lanes.by_name or self.free() is None:  # a lane that ended may still be called asleep
            return None
        if self.lanes.ready:
            return self.grace_until
        next_at = self.lanes.next_at - offset
        return max(next_at, self.grace_until) if next_at < inf else None

    def check(self) -> None:
        """Raises AssertionError where the books contradict each other."""
        self.lanes.check()
        for id_, flight in self.flights.items():
            assert flight.id == id_ and flight.courier.deliveries[id_] == flight.number
            assert self.couriers.get(flight.courier.peer) is flight.courier, f"{id_} is with nobody"
        held = {flight.seq for flight in self.flights.values()}
        assert not held & (self.reading.keys() | self.claims.keys())
        assert not self.reading.keys() & self.claims.keys()
        for lane in self.lanes.by_name.values():
            assert not held & {seq for _, seq in lane.window}, f"{lane.name} offers what is on its way"
