"""Whatever decodes leads to effects that can be framed, are read by those whom they go to, and stay within bounds.

The longest messages that a reader takes, and mutants of them, in both directions, at the core; `python -m
torture.frames` sends them to real processes.
"""

import contextlib
import random
from collections.abc import Iterator
from typing import Any

import pytest

from broker.core.books.events import (
    BatchOrdered,
    Commanded,
    Matched,
    NamesListed,
    Ordered,
    Received,
    Replayed,
    Submitted,
)
from broker.frames.outbox import outgoing
from courier.core.events import CallEnded
from courier.core.session import Session as Courier
from jobs import wire
from jobs.deliveries import DeliveryWhere
from jobs.errors import WireFault
from jobs.ids import job_of, rendition_name
from jobs.job import FACTS_BYTES_MAX, TEXT_CHARACTERS_MAX, Original, Spec, encode
from jobs.limits import LIST_SCAN_MAX, RENDITIONS_MAX, TIMELINE_MAX
from jobs.records import LookUp, Where
from jobs.session.holder import HELD_PER_CAPACITY
from tests.properties.harness import DispatcherHarness, new_job, ready
from torture.extremes import Extremes
from torture.mutants import Mutator
from worker.core import events
from worker.core.session import Session
from worker.keeper.checks import DETAIL_CHARACTERS_MAX

PEERS = (b"a", b"b", b"c")
STEPS = 150
ROOMS = (2_000, 2_000, 20_000, 20_000, 300_000)
"""Of a message's lists. The longest of all are tried in tests/unit/jobs/wire/test_codec.py."""
OF_COURIERS = {"Delivered", "Fetched"}
"""What no worker for images says."""
WIDE = "\U0001f5bc"
OUTCOME_BYTES_MAX = TIMELINE_MAX * (4 * 1000 + 4 * TEXT_CHARACTERS_MAX + 200) + RENDITIONS_MAX * 6 * 4 * 300
SPEC = encode(Spec("a.png", None, None, None, "", Original("raw/ab/x", "png", 1, 1, 1, "d"), ""))


def long_name(number: int) -> str:
    """The longest id, of four bytes a character."""
    return WIDE * (TEXT_CHARACTERS_MAX - 3) + f"{number:03}"


def harness_of_long_names() -> tuple[DispatcherHarness, list[str]]:
    """Workers and jobs whose texts are as long as may be; and those texts."""
    harness = DispatcherHarness(attempts_max=3, orphan_seconds=1.0, rate_per_minute=10**6, silence_seconds=60.0)
    workers, jobs = [long_name(number) for number in (1, 2, 3)], [long_name(number) for number in range(10, 40)]
    for peer, name in zip(PEERS, workers, strict=True):
        harness.receive(peer, ready(name, capacity=4))
    tenant = long_name(999)
    harness.submit(*(new_job(job, tenant=tenant, reference=tenant, spec=SPEC) for job in jobs))
    harness.turn(tick=True)
    blobs = [rendition_name(job, "r", "0" * 8, "png") for job in jobs[:5]]
    return harness, [*workers, *jobs, tenant, *blobs, "dead", "queued"]


def feed(harness: DispatcherHarness, peer: bytes, message: Any) -> None:
    """As the loop does."""
    if isinstance(message, wire.Submit):
        ids, keys = [job.id for job in message.jobs], [job.key for job in message.jobs if job.key is not None]
        grants = harness.ledger.look_up(LookUp(grants=[message.grant.grant])).grants if message.grant else {}
        event: Any = Submitted(
            message, harness.ledger.look_up(LookUp(ids=ids)).existing, harness.ledger.keys(keys), grants
        )
    elif isinstance(message, wire.Pause | wire.Resume | wire.DrainWorker):
        event = Ordered(message)
    elif isinstance(message, wire.OpenBatch | wire.CloseBatch):
        event = BatchOrdered(message, harness.ledger.batch_entry(message.batch))
    elif isinstance(message, wire.Replay):
        where = message.where or DeliveryWhere()
        found, following = harness.ledger.matching_deliveries(where, message.after, 256, LIST_SCAN_MAX)
        event = Replayed(message, found, following)
    elif isinstance(message, wire.Cancel | wire.Requeue | wire.Purge):
        rows, after = harness.ledger.matching(message.where or Where(), message.after, 256, LIST_SCAN_MAX)
        event = (
            Matched(message, rows, after) if message.id is None else Commanded(message, harness.ledger.job(message.id))
        )
    elif isinstance(message, wire.Found):
        event = NamesListed(peer, message, harness.ledger.jobs(sorted({job_of(name) for name in message.names})))
    else:
        event = Received(peer, message)
    harness.dispatcher.handle(event, harness.now)


def check(harness: DispatcherHarness) -> None:
    """All that the turn said is read by whom it goes to, and what it wrote is bounded."""
    for effects in harness.last:
        out = outgoing(effects, 1)
        assert out.unsaid == 0
        for reader, addressed in ((wire.to_web, [*out.acks, *out.changes]), (wire.to_worker, out.sends)):
            for _, frame in addressed:
                assert len(frame) <= wire.FRAME_BYTES_MAX
                reader.decode(frame)
        for row in effects.records.jobs:
            assert len(row.outcome) <= OUTCOME_BYTES_MAX
            assert max(map(len, (text for text in row if isinstance(text, str)))) <= TEXT_CHARACTERS_MAX + 2
        assert all(len(entry.names) <= wire.NAMES_MAX for entry in effects.records.sweeps)
    harness.dispatcher.check()


def turns(choose: random.Random, kinds: tuple[type[Any], ...]) -> Iterator[type[Any]]:
    """STEPS kinds of messages, each as often as the others."""
    for step in range(STEPS):
        if step % len(kinds) == 0:
            shuffled = choose.sample(kinds, len(kinds))
        yield shuffled[step % len(kinds)]


def decodable(extremes: Extremes, kind: type[Any], reader: wire.Reader) -> Iterator[Any]:
    """A message of this kind, and what can be decoded of three mutants of its frame."""
    frames = [wire.encode(extremes.message(kind, extremes.random.choice(ROOMS)))]
    frames += [Mutator(extremes.random.getrandbits(32), frames).next() for _ in range(3)]
    for frame in frames:
        with contextlib.suppress(WireFault):
            yield reader.decode(frame)


@pytest.mark.parametrize("seed", range(4))
def test_whatever_decodes_leads_to_frames_that_are_read_and_books_that_are_bounded(seed: int) -> None:
    harness, texts = harness_of_long_names()
    extremes = Extremes(seed, texts)
    choose = extremes.random
    taken = 0
    for kind in turns(choose, (*wire.FROM_WEB, *wire.FROM_WORKER)):
        reader = wire.from_web if kind in wire.FROM_WEB else wire.from_worker
        for decoded in decodable(extremes, kind, reader):
            taken += 1
            feed(harness, choose.choice(PEERS), decoded)
        harness.now += 0.3
        harness.turn(tick=True)
        check(harness)
    assert taken > STEPS


def session_of_long_names(capacity: int) -> Session:
    """A welcome worker whose texts are as long as may be, with a decoder for each job."""
    name = long_name(1)
    session = Session(name, name, 2**31, capacity, name, 1e9, 1e9, 0.0)
    session.handle(events.Connected(), 0.0)
    session.drain()
    session.handle(events.Received(wire.Welcome(1, 1e9)), 0.0)
    return session


def framed(effects: Any) -> list[Any]:
    """What the worker or courier says, as the broker reads it: all of it."""
    read: list[Any] = []
    for message in effects.sends:
        frames, left_out = wire.frames(message)
        assert left_out == 0, type(message).__name__
        assert max(map(len, frames)) <= wire.FRAME_BYTES_MAX
        read += map(wire.from_worker.decode, frames)
    return read


def outcomes(extremes: Extremes, effects: events.Effects) -> Iterator[Any]:
    """How the keeper's part of these effects ends, with the longest texts and lists that a decoder, a store or a folder
    has."""
    choose, detail = extremes.random, WIDE * DETAIL_CHARACTERS_MAX
    for sweeping in effects.sweep:
        yield events.SweepFailed(sweeping.job, detail) if choose.random() < 0.7 else events.SweepDone(sweeping.job)
    if effects.scan is not None:
        found = extremes.message(wire.Found)
        yield events.NamesFound(effects.scan.after, found.names, found.following, detail)
    for assignment in effects.begin:
        job, lease = assignment.job, assignment.lease
        made = extremes.message(wire.Finish, 300_000)
        yield events.DecoderIdle()
        yield events.DecoderBegan(job, lease, 1e11)
        yield events.DecoderSeen(job, lease, "x" * 60)
        yield events.OriginalDescribed(job, lease, bytes(FACTS_BYTES_MAX))
        yield from (events.RenditionLanded(job, lease, rendition) for rendition in made.renditions)
        end = choose.randrange(4)
        if end == 0:
            yield events.DecoderFinished(job, lease, made.renditions, made.cost, 1e11)
        elif end == 1:
            yield events.DecoderFailed(job, lease, WIDE * TEXT_CHARACTERS_MAX, detail)
        elif end == 2:
            yield events.CacheAnswered(job, lease, made.renditions)


@pytest.mark.parametrize("seed", range(4))
def test_whatever_a_broker_says_leads_a_worker_to_frames_that_are_read(seed: int) -> None:
    session = session_of_long_names(capacity=1000)
    extremes = Extremes(seed, [long_name(number) for number in range(10, 40)])
    said: set[type[Any]] = set()
    now, taken = 0.0, 0
    for _ in range(100):
        session.handle(events.DecoderIdle(), now)
    for kind in turns(extremes.random, wire.TO_WORKER):
        if kind is wire.Drain:
            continue
        for decoded in decodable(extremes, kind, wire.to_worker):
            if isinstance(decoded, wire.Drain):
                continue
            taken += 1
            session.handle(events.Received(decoded), now)
            effects = session.drain()
            said |= set(map(type, framed(effects)))
            for outcome in outcomes(extremes, effects):
                session.handle(outcome, now)
            session.check()
        said |= set(map(type, framed(session.drain())))
        now += 0.3
        session.tick(now)
        session.handle(events.Received(wire.Welcome(1, 1e9)), now)
    waiting = [
        wire.Assignment(long_name(number), 1, 1e9, 1, False, b"") for number in range(3)
    ]  # else none may be left
    session.handle(events.Received(wire.Assign(waiting)), now)
    session.handle(events.DrainRequested(), now)
    said |= set(map(type, framed(session.drain())))
    session.handle(events.LeaveRequested(), now)
    said |= set(map(type, framed(session.drain())))
    assert taken > STEPS
    assert {kind.__name__ for kind in said} == {kind.__name__ for kind in wire.FROM_WORKER} - OF_COURIERS


@pytest.mark.parametrize("seed", range(2))
def test_whatever_a_broker_says_leads_a_courier_to_frames_that_are_read(seed: int) -> None:
    name = long_name(1)
    session = Courier(name, name, 2**31, 32, 1e9, 1e9, 0.0)
    session.handle(events.Connected(), 0.0)
    said: set[type[Any]] = set(map(type, framed(session.drain())))
    session.handle(events.Received(wire.Welcome(1, 1e9)), 0.0)
    extremes = Extremes(seed, [long_name(number) for number in range(10, 40)])
    now = 0.0
    for kind in turns(extremes.random, wire.TO_WORKER):
        if kind is wire.Drain:
            continue
        for decoded in decodable(extremes, kind, wire.to_worker):
            if isinstance(decoded, wire.Drain):
                continue
            session.handle(events.Received(decoded), now)
            effects = session.drain()
            said |= set(map(type, framed(effects)))
            for work in effects.begin:
                session.handle(CallEnded(call_result(extremes, work)), now)
            session.check()
        said |= set(map(type, framed(session.drain())))
        now += 0.3
        session.tick(now)
        session.handle(events.Received(wire.Welcome(1, 1e9)), now)
    assert {kind.__name__ for kind in said} >= {"Ready", "Delivered", "Fetched", "Failed"}


def call_result(extremes: Extremes, work: Any) -> Any:
    """How a call ends, with the longest texts that a stranger can give it."""
    if isinstance(work, wire.Delivery):
        return wire.Attempted(work.id, work.attempt, 999, 1e11, 86_400.0, WIDE * 1000, WIDE * 500)
    if extremes.random.random() < 0.5:
        return wire.Failure(work.job, work.lease, "source_unreachable", WIDE * 300, 86_400.0)
    return wire.SourceFetched(work.job, work.lease, "jpeg", 2**31, 2**31, 2**53, "a" * 64, 8)


def test_a_worker_that_holds_all_that_it_may_can_introduce_itself_and_beat() -> None:
    session = session_of_long_names(capacity=1000)
    jobs = [
        wire.Assignment(long_name(0)[:-6] + f"{number:06}", 2**63 - 1, 1e9, 1, False, b"")
        for number in range(HELD_PER_CAPACITY * 1000)
    ]
    session.handle(events.Received(wire.Assign(jobs)), 0.0)
    session.handle(events.Received(wire.Introduce(1)), 0.0)
    (ready,) = framed(session.drain())
    assert len(ready.holding) == len(jobs)
    session.handle(events.Received(wire.Welcome(1, 1e9)), 0.0)
    session.tick(session.beat_at)
    beats = framed(session.drain())
    assert sum(len(beat.holding) for beat in beats) == len(jobs)


def test_a_worker_tells_of_every_sweep_that_fails_however_many_those_are() -> None:
    session = session_of_long_names(capacity=1)
    sweep = wire.Sweep([(f"{number:026}", ["raw/ab/x"]) for number in range(wire.ITEMS_MAX)])
    session.handle(events.Received(wire.to_worker.decode(wire.encode(sweep))), 0.0)
    *failing, done = session.drain().sweep
    for sweeping in failing:
        session.handle(events.SweepFailed(sweeping.job, WIDE * DETAIL_CHARACTERS_MAX), 0.0)
    session.handle(events.SweepDone(done.job), 0.0)
    messages = framed(session.drain())
    assert [job for message in messages for job in message.jobs] == [done.job]
    assert [job for message in messages for job, _ in message.failed] == [sweeping.job for sweeping in failing]


@pytest.mark.parametrize("reader", [wire.to_web, wire.to_worker])
def test_what_the_broker_says_at_its_longest_is_read_or_refused(reader: wire.Reader) -> None:
    kinds = wire.TO_WEB if reader is wire.to_web else wire.TO_WORKER
    extremes = Extremes(5, [])
    for kind in kinds:
        frame = wire.encode(extremes.message(kind, 50_000))
        assert isinstance(reader.decode(frame), kind)
        mutator = Mutator(6, [frame])
        for _ in range(30):
            try:
                reader.decode(mutator.next())
            except WireFault:
                continue
