"""Whatever decodes leads to effects that can be framed, are read by those whom they go to, and stay within bounds.

The longest messages that a reader takes, and mutants of them, in both directions, at the core; `python -m
torture.frames` sends them to real processes.
"""

from typing import Any

import pytest

from broker.core.books.events import Commanded, Heard, Matched, NamesListed, Ordered, Submitted
from broker.frames.outbox import outgoing
from jobs import wire
from jobs.errors import WireFault
from jobs.ids import job_of, rendition_name
from jobs.job import TEXT_CHARACTERS_MAX, Original, Spec, encode
from jobs.limits import LIST_SCAN_MAX, RENDITIONS_MAX, TIMELINE_MAX
from jobs.records import LookUp, Where
from tests.properties.harness import DispatcherHarness, new_job, ready
from torture.extremes import Extremes
from torture.mutants import Mutator

PEERS = (b"a", b"b", b"c")
STEPS = 150
ROOMS = (2_000, 2_000, 20_000, 20_000, 300_000)
"""Of a message's lists. The longest of all are tried in tests/unit/jobs/wire/test_codec.py."""
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
        harness.hear(peer, ready(name, capacity=4))
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
    elif isinstance(message, wire.Cancel | wire.Requeue | wire.Purge):
        rows, after = harness.ledger.matching(message.where or Where(), message.after, 256, LIST_SCAN_MAX)
        event = (
            Matched(message, rows, after) if message.id is None else Commanded(message, harness.ledger.job(message.id))
        )
    elif isinstance(message, wire.Found):
        event = NamesListed(peer, message, harness.ledger.jobs(sorted({job_of(name) for name in message.names})))
    else:
        event = Heard(peer, message)
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


@pytest.mark.parametrize("seed", range(4))
def test_whatever_decodes_leads_to_frames_that_are_read_and_books_that_are_bounded(seed: int) -> None:
    harness, texts = harness_of_long_names()
    extremes = Extremes(seed, texts)
    choose = extremes.random
    taken = 0
    for _ in range(STEPS):
        web = choose.random() < 0.4
        message = extremes.message(choose.choice(wire.FROM_WEB if web else wire.FROM_WORKER), choose.choice(ROOMS))
        frames = [wire.encode(message)]
        frames += [Mutator(choose.getrandbits(32), frames).next() for _ in range(3)]
        for frame in frames:
            try:
                decoded = (wire.from_web if web else wire.from_worker).decode(frame)
            except WireFault:
                continue
            taken += 1
            feed(harness, choose.choice(PEERS), decoded)
        harness.now += 0.3
        harness.turn(tick=True)
        check(harness)
    assert taken > STEPS


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
