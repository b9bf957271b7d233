"""Rates and grants, counted by the core: exact whatever repeats, restarts and how many come at once."""

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from jobs import wire
from jobs.records import LookUp, Where
from jobs.tenants import TenantLimits
from tests.properties.harness import OFFSET, DispatcherHarness, new_job

FAR = OFFSET + 1e6


def use(count: int, grant: str = "g", expires_at: float = FAR) -> wire.Use:
    return wire.Use(grant, count, expires_at)


def test_a_post_that_passes_a_grant_is_refused_whole() -> None:
    harness = DispatcherHarness()
    harness.submit(new_job("a"), new_job("b"), grant=use(3))
    assert harness.turn().acks == [
        wire.Ack("r", wire.COMMITTED, ["a", "b"], seq=1, accepted_at=harness.row("a").accepted_at)
    ]
    harness.submit(new_job("c"), new_job("d"), grant=use(3))
    done = harness.turn()
    assert (done.committed, done.acks) == (False, [wire.Ack("r", wire.REFUSED, code="grant_used_up", left=1)])
    harness.submit(new_job("c"), grant=use(3))
    assert harness.turn().acks[0].outcome == wire.COMMITTED
    harness.submit(new_job("d"), grant=use(1, "another"))
    assert harness.turn().acks[0].outcome == wire.COMMITTED


def test_a_grant_ends_by_the_broker_s_clock() -> None:
    harness = DispatcherHarness()
    harness.submit(new_job("a"), grant=use(3, expires_at=OFFSET + harness.now))
    assert harness.turn().acks == [wire.Ack("r", wire.REFUSED, code="grant_expired")]


@given(
    count=st.integers(0, 6),
    turns=st.lists(st.lists(st.tuples(st.integers(0, 12), st.integers(1, 3)), max_size=4), max_size=6),
    restarts=st.sets(st.integers(0, 5)),
)
def test_no_more_jobs_than_a_grant_allows(count: int, turns: list[list[tuple[int, int]]], restarts: set[int]) -> None:
    """Submits, some of them repeats of others, several a turn, with restarts between: used is what was accepted."""
    harness, accepted, sizes = DispatcherHarness(), 0, dict[int, int]()
    for number, turn in enumerate(turns):
        asked = [(name, sizes.setdefault(name, size)) for name, size in turn]
        for name, size in asked:
            jobs = [new_job(f"{name}-{index}") for index in range(size)]
            harness.submit(*jobs, request=str(name), grant=use(count))
        outcomes = [ack.outcome for ack in harness.turn().acks]
        assert len(harness.ledger.rows) <= count
        for (name, size), outcome in zip(asked, outcomes, strict=True):
            there = harness.ledger.job(f"{name}-0") is not None
            assert (outcome == wire.COMMITTED) == there
            assert there or len(harness.ledger.rows) + size > count
        accepted = len(harness.ledger.rows)
        assert sum(entry.used for entry in harness.ledger.look_up(LookUp(grants=["g"])).grants.values()) == accepted
        if number in restarts:
            harness.start()


def test_a_tenant_uploads_so_many_a_minute_and_no_more() -> None:
    harness = DispatcherHarness(rate_per_minute=3)
    harness.submit(new_job("a1", tenant="a"), new_job("a2", tenant="a"))
    harness.submit(new_job("a3", tenant="a"), new_job("a4", tenant="a"), request="s")
    harness.submit(new_job("b1", tenant="b"), request="t")
    first, second, third = harness.turn().acks
    assert (first.outcome, third.outcome) == (wire.COMMITTED, wire.COMMITTED)
    assert (second.outcome, second.code, second.left) == (wire.REFUSED, "rate_limited", 1)
    assert 60.0 <= second.retry_seconds <= 61.0
    harness.submit(new_job("a3", tenant="a"))
    assert harness.turn().acks[0].outcome == wire.COMMITTED
    harness.now += second.retry_seconds
    harness.submit(new_job("a4", tenant="a"), new_job("a5", tenant="a"))
    assert harness.turn().acks[0].outcome == wire.COMMITTED


MINUTE_SECONDS = 60.0
GAPS = st.one_of(st.just(0.0), st.floats(0.0, 3.0), st.sampled_from([0.999, 1.0, 58.0, 59.0, 59.5, 60.0, 61.0, 300.0]))


@given(
    most=st.integers(1, 5), start=st.floats(0.0, 5.0), posts=st.lists(st.tuples(GAPS, st.integers(1, 6)), max_size=30)
)
def test_no_minute_has_more_uploads_than_the_rate(most: int, start: float, posts: list[tuple[float, int]]) -> None:
    """In no sixty seconds, wherever they begin; and a refusal is true: what it says is left is taken at once, a POST
    that it puts off is taken after its seconds, and not a second and a half before."""
    harness, accepted = DispatcherHarness(rate_per_minute=most), list[float]()
    harness.now = start

    def taken(size: int) -> wire.Ack:
        name = f"{len(accepted)}-{harness.now}"
        harness.submit(*(new_job(f"{name}-{index}", tenant="a") for index in range(size)))
        at = harness.now
        (ack,) = harness.turn().acks
        if ack.outcome == wire.COMMITTED:
            accepted.extend([at] * size)
        assert sum(at - MINUTE_SECONDS < each for each in accepted) <= most
        return ack

    for gap, size in posts:
        harness.now += gap
        refused = taken(size)
        if refused.outcome == wire.COMMITTED:
            continue
        assert (refused.code, refused.left < size) == ("rate_limited", True)
        if refused.left:
            assert taken(refused.left).outcome == wire.COMMITTED
            continue
        if size <= most and refused.retry_seconds > 1.5:
            before = sum(harness.now + refused.retry_seconds - 1.5 - MINUTE_SECONDS < each for each in accepted)
            assert before + size > most, "it need not have waited so long"
        harness.now += refused.retry_seconds
        assert taken(min(size, most)).outcome == wire.COMMITTED


@given(most=st.integers(1, 4), uploads=st.integers(0, 6), wait=st.floats(0.0, 70.0))
def test_whom_the_beat_names_would_be_refused_and_nobody_else(most: int, uploads: int, wait: float) -> None:
    harness = DispatcherHarness(rate_per_minute=most)
    for number in range(uploads):
        harness.submit(new_job(f"{number}", tenant="a"))
        harness.now += 0.3
        harness.turn()
    harness.now += wait
    harness.turn(tick=True)
    until = [effects.beat.over.get("a") for effects in harness.last if effects.beat][-1]
    harness.submit(new_job("more", tenant="a"))
    assert (harness.turn().acks[0].outcome == wire.REFUSED) == (until is not None)
    if until is not None:
        harness.now = until - OFFSET + 0.001  # wall time has no more digits
        harness.submit(new_job("later", tenant="a"))
        assert harness.turn().acks[0].outcome == wire.COMMITTED


def test_a_repeat_is_no_second_upload() -> None:
    harness = DispatcherHarness(rate_per_minute=1)
    for _ in range(2):
        harness.submit(new_job("a"))
        assert harness.turn().acks[0].outcome == wire.COMMITTED


def test_the_beat_names_who_is_over() -> None:
    harness = DispatcherHarness(rate_per_minute=2)
    harness.submit(new_job("a1", tenant="a"), new_job("a2", tenant="a"))
    harness.submit(new_job("b1", tenant="b"))
    harness.turn()
    harness.now += 2.0
    harness.turn(tick=True)
    (beat,) = [effects.beat for effects in harness.last if effects.beat]
    assert set(beat.over) == {"a", ""}, "all together, who are one without keys, are over as well"
    assert 58.0 <= beat.over["a"] - beat.at <= 59.0
    harness.now += 61.0
    harness.turn(tick=True)
    assert [effects.beat.over for effects in harness.last if effects.beat] == [{}]


@pytest.mark.parametrize("policy", [{"queued_max": 2}, {"tenants": {"a": TenantLimits(queued_max=2)}}])
def test_what_runs_once_more_needs_room_in_the_queue_one_by_one_and_over_many(policy: dict[str, Any]) -> None:
    harness = DispatcherHarness(**policy)
    for request in ("1", "2", "3"):
        harness.submit(new_job(f"{request}a", tenant="a"), request=request)
        harness.turn()
        harness.order(wire.Cancel("web", "c", None, Where("a")))
        harness.turn()
    everyone = wire.Requeue("web", "m", None, Where("a", "cancelled"), counted=True)
    harness.order(everyone)
    (ack,) = harness.turn().acks
    assert (ack.outcome, ack.code, ack.matched, ack.changed) == ("committed", "queue_full", 3, 2)
    harness.order(everyone)
    (ack,) = harness.turn().acks
    assert (ack.outcome, ack.code, ack.matched, ack.changed) == ("committed", "queue_full", 1, 0)
    harness.order(wire.Requeue("web", "r", "3a", counted=True))
    (ack,) = harness.turn().acks
    assert (ack.outcome, ack.code) == (wire.REFUSED, "queue_full")
    assert harness.dispatcher.books.shares["a"].accepted.per_minute(harness.now) == 5, "what was refused is not counted"
    harness.order(wire.Requeue("web", "o", "3a"))
    assert harness.turn().acks[0].outcome == wire.COMMITTED, "an operator's passes"


def test_what_runs_once_more_counts_for_the_rate_one_by_one_and_over_many() -> None:
    harness = DispatcherHarness(rate_per_minute=3)
    for job in ("a1", "a2", "a3"):
        harness.submit(new_job(job, tenant="a"), request=job)
    harness.turn()
    harness.order(wire.Cancel("web", "c", None, Where("a")))
    harness.turn()
    harness.order(wire.Requeue("web", "r", "a1", counted=True))
    (ack,) = harness.turn().acks
    assert (ack.outcome, ack.code) == (wire.REFUSED, "rate_limited")
    assert 60.0 <= ack.retry_seconds <= 61.0
    assert harness.row("a1").state == "cancelled"
    harness.now += ack.retry_seconds
    harness.order(wire.Requeue("web", "s", "a1", counted=True))
    assert harness.turn().acks[0].outcome == wire.COMMITTED
    harness.submit(new_job("a4", tenant="a"), request="a4")
    harness.turn()
    harness.order(wire.Requeue("web", "m", None, Where("a", "cancelled"), counted=True))
    (ack,) = harness.turn().acks
    assert (ack.outcome, ack.code, ack.matched, ack.changed) == ("committed", "rate_limited", 2, 1)
    harness.order(wire.Requeue("web", "o", None, Where("a", "cancelled")))
    (ack,) = harness.turn().acks
    assert (ack.code, ack.changed) == (None, 1), "an operator's counts nothing"
