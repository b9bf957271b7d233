"""Whose turn it is, by example: jobs and times in, the order of service out."""

import sys
from collections import Counter
from itertools import groupby
from types import FrameType

import pytest

from broker.core.books import turns
from broker.core.books.reserve import LATELY_SECONDS, Reserve
from broker.core.books.service import LANES_MAX, UNKNOWN_SECONDS, Service
from jobs import wire
from jobs.lanes import HEAVY, HEAVY_MS, LARGE, LARGE_MS, SMALL, lane_of, size_of
from jobs.records import Lane
from jobs.wire import Failed, Failure, Finish, Finished, Held, LeaseRef, Returned, Start, Started
from tests.properties.harness import DispatcherHarness, leases_in, new_job, ready

A, B = b"a", b"b"
SECONDS = {"a": 3.0, "b": 0.1}
STEPS_MAX = 61


def harness_with(workers: int = 1, capacity: int = 1) -> DispatcherHarness:
    harness = DispatcherHarness(prefetch_seconds=0.12)
    for peer in (A, B)[:workers]:
        harness.receive(peer, ready(peer.decode(), capacity))
    harness.turn(tick=True)
    return harness


def post(harness: DispatcherHarness, tenant: str, *names: str, **changed: object) -> None:
    harness.submit(*(new_job(name, tenant=tenant, **changed) for name in names), request=f"{tenant} {names}")


def serve(harness: DispatcherHarness, count: int) -> list[str]:
    """What is given to one worker, where a job takes the seconds of its tenant."""
    given: list[str] = []
    pending = leases_in(harness.turn(tick=True), wire.Assign) or [
        (A, job, entry.lease) for job, entry in harness.dispatcher.books.roster.by_peer[A].leases.items()
    ]
    while pending and len(given) < count:
        (_, job, lease), *pending = pending
        given.append(job)
        harness.now += SECONDS[job[0]]
        harness.receive(A, wire.WorkerBeat([]), Finished([Finish(job, lease, [])]))
        pending += leases_in(harness.turn(tick=True), wire.Assign)
    return given


def test_tenants_share_time_and_not_turns() -> None:
    harness = harness_with()
    post(harness, "a", *(f"a{n:03}" for n in range(20)))
    post(harness, "b", *(f"b{n:03}" for n in range(200)))
    order = [job[0] for job in serve(harness, 150)]
    spent = {tenant: sum(SECONDS[job] for job in order if job == tenant) for tenant in "ab"}
    assert abs(spent["a"] - spent["b"]) <= SECONDS["a"]
    runs = [len(list(run)) for tenant, run in groupby(order) if tenant == "b"]
    assert max(runs) >= 25, "a job of 3 s is worth thirty of 0.1 s"


def test_high_goes_before_the_tenant_s_own_only() -> None:
    harness = harness_with()
    post(harness, "a", *(f"a{n:03}" for n in range(20)), priority=0)
    post(harness, "b", "b-normal", priority=1)
    post(harness, "b", "b-high", priority=0)
    order = serve(harness, 10)
    assert order.index("b-high") < order.index("b-normal") <= 3


def test_who_comes_late_is_owed_no_time() -> None:
    harness = harness_with()
    post(harness, "b", *(f"b{n:03}" for n in range(400)))
    serve(harness, 200)
    post(harness, "a", *(f"a{n:03}" for n in range(20)))
    order = [job[0] for job in serve(harness, 60)]
    assert order.count("a") <= 3, "20 s that it did not ask for are not made up for"


def test_who_comes_back_is_owed_no_time_either() -> None:
    harness = harness_with()
    post(harness, "a", "a000")
    post(harness, "b", *(f"b{n:03}" for n in range(400)))
    serve(harness, 201)
    post(harness, "a", *(f"a{n:03}" for n in range(1, 20)))
    order = [job[0] for job in serve(harness, 60)]
    assert order.count("a") <= 3, "a is known, with what it was given long ago"


def test_one_heavy_job_at_a_time_is_paid_for_too() -> None:
    """A tenant that never has two jobs queued owes what it had, though its lane goes each time."""
    harness = harness_with()
    post(harness, "b", *(f"b{n:03}" for n in range(400)))
    order: list[str] = []
    for number in range(100):
        if not number or order[-1][0] == "a":
            post(harness, "a", f"a{number:03}")
        order += serve(harness, 1)
    mine, theirs = (sum(SECONDS[job[0]] for job in order if job[0] == tenant) for tenant in "ab")
    assert mine <= theirs + 2 * SECONDS["a"]


def test_what_runs_is_owed_though_nobody_waited_when_it_began() -> None:
    harness = harness_with()
    post(harness, "a", "a0", cost_ms=HEAVY_MS)
    harness.turn()
    post(harness, "a", *(f"a{n}" for n in range(1, 8)), cost_ms=HEAVY_MS)
    post(harness, "b", "b0", "b1", "b2")
    harness.turn()
    assert serve(harness, 5) == ["a0", "b0", "b1", "b2", "a1"]


def test_a_job_given_back_unbegun_costs_nothing_and_a_cancelled_one_what_it_had() -> None:
    harness = harness_with()
    post(harness, "a", "a1", "a2")
    harness.turn()
    post(harness, "b", "b1", "b2")
    harness.turn()
    turns = harness.dispatcher.books.backlog.turns
    assert turns.debts()["a"] > 0.0
    harness.dispatcher.stop()
    harness.receive(A, Returned([LeaseRef("a1", 1)]))
    harness.turn()
    assert turns.debts() == {}
    harness.dispatcher._matching.stopping = False
    harness.turn()
    (job,) = harness.dispatcher.books.roster.by_peer[A].leases
    lease = harness.row(job).lease
    harness.receive(A, Started([Start(job, lease, 0.0)]))
    harness.now += 4.0
    harness.order(wire.Cancel("web", "c", job))
    harness.receive(A, Failed([Failure(job, lease, "cancelled", "")]))
    harness.turn()
    spent = turns.debts()
    assert max(spent.values()) >= 3.9


def test_nothing_is_prefetched_before_a_mean_is_known_nor_behind_what_takes_long() -> None:
    harness = harness_with(capacity=5)
    post(harness, "b", "b0", "b1", "b2")
    assert [job for _, job, _ in leases_in(harness.turn(), wire.Assign)] == ["b0"]
    serve(harness, 3)
    harness.now += 1.0
    harness.turn(tick=True)
    post(harness, "b", "b3", "b4", "b5")
    assert [job for _, job, _ in leases_in(harness.turn(), wire.Assign)] == ["b3", "b4"], (
        "the third would wait for 0.2 s"
    )


def test_a_restart_prefetches_nothing_behind_an_adopted_job_before_a_mean_is_known() -> None:
    harness = harness_with(capacity=5)
    post(harness, "b", "b0", "b1")
    harness.turn()
    harness.start()
    harness.receive(A, ready("a", 5, (Held("b0", 1, True),)))
    assert leases_in(harness.turn(tick=True), wire.Assign) == []
    books = harness.dispatcher.books
    assert books.roster.by_peer[A].load == books.backlog.turns.debts()["b"] == UNKNOWN_SECONDS[SMALL]
    harness.now += 0.5
    harness.receive(A, Finished([Finish("b0", 1, [])]))
    assert [job for _, job, _ in leases_in(harness.turn(), wire.Assign)] == ["b1"]


def test_a_worker_that_introduces_itself_again_is_not_charged_twice() -> None:
    harness = harness_with(capacity=5)
    post(harness, "b", "b0")
    harness.turn()
    books = harness.dispatcher.books
    charged = books.backlog.turns.debts()["b"]
    harness.receive(A, ready("a", 5, (Held("b0", 1, True),)))
    harness.turn()
    assert books.backlog.turns.debts()["b"] == books.roster.by_peer[A].load == charged == UNKNOWN_SECONDS[SMALL]


def test_a_few_jobs_of_a_class_are_measure_enough_before_a_beat() -> None:
    harness = harness_with(capacity=5)
    post(harness, "b", *(f"b{n}" for n in range(9)))
    service = harness.dispatcher.books.service
    serve(harness, 4)
    assert service.means == {}
    assert len(harness.dispatcher.books.roster.by_peer[A].leases) == 1
    serve(harness, 1)
    assert service.means == pytest.approx({"s.b": 0.1, "s": 0.1}, abs=0.01)
    assert len(harness.dispatcher.books.roster.by_peer[A].leases) == 2


def test_what_waits_behind_a_job_that_takes_long_is_asked_back_though_no_worker_is_idle() -> None:
    harness = harness_with(capacity=5)
    post(harness, "b", "b0")
    serve(harness, 1)
    harness.now += 1.0
    harness.turn(tick=True)
    post(harness, "b", "b1", "b2", "b3")
    assert [job for _, job, _ in leases_in(harness.turn(tick=True), wire.Assign)] == ["b1", "b2"]
    recalled: list[tuple[bytes, str, int]] = []
    while not recalled:
        assert harness.now < 5.0
        harness.now = harness.dispatcher.deadline
        recalled = leases_in(harness.turn(tick=True), wire.Recall)
    assert [job for _, job, _ in recalled] == ["b2"]
    assert harness.dispatcher.books.roster.by_peer[A].busy_since + 1.0 > harness.now
    harness.receive(A, Returned([LeaseRef("b2", 1)]))
    assert leases_in(harness.turn(tick=True), wire.Assign) == [], "its worker is given no more"
    harness.receive(B, ready("b", 5))
    assert [job for _, job, _ in leases_in(harness.turn(), wire.Assign)][:1] == ["b2"]


def test_heavy_jobs_leave_a_worker_to_others_while_others_come() -> None:
    harness = harness_with(workers=2)
    post(harness, "a", "a0", "a1", "a2", cost_ms=HEAVY_MS)
    assert len(leases_in(harness.turn(), wire.Assign)) == 2, "alone, it has all workers"
    harness = harness_with(workers=2)
    post(harness, "b", "b0")
    post(harness, "a", "a0", "a1", "a2", cost_ms=HEAVY_MS)
    given = leases_in(harness.turn(), wire.Assign)
    assert sorted(job for _, job, _ in given) == ["a0", "b0"]
    peer = next(peer for peer, job, _ in given if job == "b0")
    harness.receive(peer, Finished([Finish("b0", 1, [])]))
    assert leases_in(harness.turn(), wire.Assign) == []
    post(harness, "b", "b1")
    assert leases_in(harness.turn(), wire.Assign) == [(peer, "b1", 1)]
    harness.receive(peer, Finished([Finish("b1", 1, [])]))
    harness.turn()
    harness.now += LATELY_SECONDS + 1.0
    harness.receive(A, wire.WorkerBeat([]))
    harness.receive(B, wire.WorkerBeat([]))
    assert [job for _, job, _ in leases_in(harness.turn(), wire.Assign)] == ["a1"], "nobody else came for a minute"


def test_one_worker_takes_heavy_jobs_too() -> None:
    reserve = Reserve()
    reserve.came(Lane(1, "s.b"), 1.0)
    reserve.came(Lane(1, "h.a"), 1.0)
    assert [reserve.heavy_max(workers, 2.0) for workers in (1, 2, 8)] == [1, 1, 7]
    assert reserve.alone(2.0) == "b", "its own heavy jobs keep nobody else waiting"
    reserve.came(Lane(1, "s.a"), 3.0)
    assert reserve.alone(4.0) is None


def test_a_barred_tenant_s_small_jobs_go_on() -> None:
    harness = harness_with(workers=2)
    post(harness, "b", "b0")
    post(harness, "a", "a0", "a1", cost_ms=HEAVY_MS)
    harness.turn()
    harness.receive(A, Finished([Finish("b0", 1, [])]))
    harness.turn()
    post(harness, "a", "a-small")
    assert [job for _, job, _ in leases_in(harness.turn(), wire.Assign)] == ["a-small"]
    harness.dispatcher.check()


def test_the_class_of_a_job_is_told_by_its_recipe_too() -> None:
    costs = (0.0, LARGE_MS - 1, LARGE_MS, HEAVY_MS - 1, HEAVY_MS)
    assert [size_of(lane_of(1, "t", cost)) for cost in costs] == [SMALL, SMALL, LARGE, LARGE, HEAVY]


def test_means_are_kept_of_the_latest_lanes_only() -> None:
    service = Service()
    for number in range(LANES_MAX + 500):
        service.took(Lane(1, f"s.t{number}"), 0.1)
        service.fold()
    assert len(service.means) <= LANES_MAX
    assert service.of(Lane(1, "s.t0")) == service.means["s"]
    assert f"s.t{LANES_MAX + 499}" in service.means


def test_tenants_that_wait_for_nothing_are_forgotten(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(turns, "RECORDS_KEPT", 20)
    harness = harness_with()
    for number in range(3 * turns.RECORDS_KEPT):
        post(harness, f"b{number}", f"b{number}")
        serve(harness, 1)
    assert len(harness.dispatcher.books.backlog.turns._tenants) <= turns.RECORDS_KEPT + 1


def test_a_job_of_one_tenant_takes_few_steps() -> None:
    """Python calls of the core for one job, from upload to end: what a dispatch costs. Before there were turns by time,
    there were 56. Two count the job's wait and its end for /metrics."""
    harness = DispatcherHarness()
    for peer in (A, B):
        harness.receive(peer, ready(peer.decode(), 64))
    calls = Counter[str]()

    def count(frame: FrameType, event: str, _: object) -> None:
        if event == "call" and "/broker/core/" in frame.f_code.co_filename.replace("/tests/unit/broker", ""):
            calls[frame.f_code.co_qualname] += 1

    post(harness, "", *(f"{n:03}" for n in range(256)))
    pending = leases_in(harness.turn(tick=True), wire.Assign)
    sys.setprofile(count)
    try:
        for turn in range(10):
            post(harness, "", *(f"{turn}-{n:03}" for n in range(128)))
            for peer in (A, B):
                harness.receive(peer, Finished([Finish(job, lease, []) for to, job, lease in pending if to == peer]))
            pending = leases_in(harness.turn(tick=True), wire.Assign)
    finally:
        sys.setprofile(None)
    each = sum(calls.values()) / 10 / 128
    assert len(pending) == 128
    assert each < STEPS_MAX, calls.most_common()
