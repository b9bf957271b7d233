"""What each tenant may have, in the dispatcher: pauses, jobs at once, jobs that wait, rates, and times to keep jobs."""

from typing import Any

import pytest

from broker.core.books.events import ClockRead
from broker.core.commands import PAUSED_MAX
from broker.core.matching import LATE_TIMES
from broker.core.retention import EXPIRE_ROWS, WALK_ROWS
from broker.core.snapshot import from_snapshot, snapshot
from jobs import wire
from jobs.job import Original, Spec, encode
from jobs.records import PURGED, Records, Where
from jobs.tenants import TenantLimits
from jobs.wire import Finish, Finished
from tests.properties.harness import OFFSET, DispatcherHarness, courier, leases_in, new_job, ready

A, B, C = b"a", b"b", b"c"
DAY = 86_400.0


def harness_with(workers: int = 1, capacity: int = 1, **limits: TenantLimits) -> DispatcherHarness:
    harness = DispatcherHarness(tenants=limits)
    for peer in (A, B, C)[:workers]:
        harness.receive(peer, ready(peer.decode(), capacity))
    harness.turn(tick=True)
    return harness


def post(harness: DispatcherHarness, tenant: str, *names: str, **changed: Any) -> wire.Ack:
    harness.submit(*(new_job(name, tenant=tenant, **changed) for name in names), request=f"{tenant} {names}")
    (ack,) = harness.turn().acks
    return ack


def running(harness: DispatcherHarness) -> list[str]:
    return sorted(row.id for row in harness.ledger.rows.values() if row.state == "running")


def finish(harness: DispatcherHarness, job: str) -> None:
    """The worker that holds the job ends it."""
    entry = harness.dispatcher.books.entries[job]
    assert entry.holder is not None
    harness.receive(entry.holder.peer, Finished([Finish(job, entry.lease, [])]))
    harness.turn()
    harness.dispatcher.check()


def pause(harness: DispatcherHarness, tenant: str, kind: type[wire.Pause | wire.Resume] = wire.Pause) -> wire.Ack:
    harness.order(kind("web", "p", tenant=tenant))
    (ack,) = harness.turn().acks
    harness.dispatcher.check()
    return ack


def beat(harness: DispatcherHarness) -> wire.Beat:
    harness.now += 1.0
    harness.turn(tick=True)
    return [effects.beat for effects in harness.last if effects.beat][-1]


def test_a_paused_tenant_s_jobs_wait_and_others_run() -> None:
    harness = harness_with(workers=2)
    assert pause(harness, "t").outcome == wire.COMMITTED
    post(harness, "t", "t1", "t2")
    post(harness, "u", "u1")
    assert running(harness) == ["u1"]
    assert harness.ledger.restore().paused == ["t"]
    pause(harness, "t", wire.Resume)
    assert running(harness) == ["t1", "u1"]
    assert harness.ledger.restore().paused == []


def test_a_pause_outlasts_a_restart_and_ends_after_it() -> None:
    harness = harness_with()
    pause(harness, "t")
    post(harness, "t", "t1")
    harness.start()
    harness.receive(A, ready("a"))
    harness.turn(tick=True)
    assert running(harness) == []
    pause(harness, "t", wire.Resume)
    assert running(harness) == ["t1"]


def test_what_runs_already_goes_on_and_its_retry_waits() -> None:
    harness = harness_with()
    post(harness, "t", "t1", "t2")
    pause(harness, "t")
    assert running(harness) == ["t1"]
    harness.lose(A)
    harness.receive(B, ready("b"))
    harness.turn(tick=True)
    assert running(harness) == []
    pause(harness, "t", wire.Resume)
    assert running(harness) == ["t1"], "what was lost is first again"


def test_the_pause_of_all_and_that_of_a_tenant_are_separate() -> None:
    harness = harness_with(workers=2)
    harness.order(wire.Pause("web", "p"))
    harness.turn()
    pause(harness, "t")
    post(harness, "t", "t1")
    post(harness, "u", "u1")
    assert running(harness) == []
    harness.order(wire.Resume("web", "p"))
    harness.turn()
    assert running(harness) == ["u1"]
    pause(harness, "t", wire.Resume)
    assert running(harness) == ["t1", "u1"]


@pytest.mark.parametrize("late", [False, True])
def test_prefetched_jobs_of_a_paused_tenant_stay_where_they_are_and_others_are_recalled(late: bool) -> None:
    harness = harness_with(capacity=3)
    post(harness, "t", "t1", "t2")
    post(harness, "u", "u1")
    pause(harness, "t")
    harness.turn(tick=True)
    if late:
        harness.now += 1.01 * LATE_TIMES * harness.policy.prefetch_seconds
        harness.receive(A, wire.WorkerBeat([]))
    else:
        harness.receive(B, ready("b", 3))
        harness.turn()
        harness.now = max(harness.now, harness.dispatcher.deadline)
    assert [job for _, job, _ in leases_in(harness.turn(tick=True), wire.Recall)] == ["u1"]
    harness.turn(tick=True)
    assert harness.dispatcher.deadline > harness.now, "a broker that turns in circles"
    assert leases_in(harness.turn(tick=True), wire.Recall) == []
    harness.receive(A, wire.Returned([wire.LeaseRef("u1", harness.row("u1").lease)]))
    for peer in (B, C):
        harness.receive(peer, ready(peer.decode(), 3))
    harness.turn()
    assert len(running(harness)) == 3
    pause(harness, "t", wire.Resume)
    harness.now += 0.2
    assert [job for _, job, _ in leases_in(harness.turn(tick=True), wire.Recall)] == ["t2"]


def test_no_worker_is_kept_free_for_a_tenant_whose_jobs_only_wait() -> None:
    harness = harness_with(workers=2, none=TenantLimits(running_max=0))
    for name in ("t", "none"):
        pause(harness, name)
    pause(harness, "none", wire.Resume)
    for number in range(2):
        post(harness, "t", f"t{number}")
        post(harness, "none", f"none{number}")
        harness.submit(new_job(f"h{number}", tenant="u", cost_ms=5_000.0), request=f"h{number}")
        harness.order(wire.Cancel("web", "c", "t0"))
        harness.order(wire.Requeue("web", "q", "t0"))
        harness.turn(tick=True)
    assert running(harness) == ["h0", "h1"]


def test_a_worker_is_kept_free_for_those_who_waited_for_a_resume() -> None:
    harness = harness_with(workers=2)
    pause(harness, "t")
    post(harness, "t", "t1")
    harness.submit(*(new_job(f"h{number}", tenant="u", cost_ms=5_000.0) for number in range(3)), request="h")
    harness.turn()
    assert running(harness) == ["h0", "h1"]
    pause(harness, "t", wire.Resume)
    finish(harness, "h0")
    finish(harness, "t1")
    assert running(harness) == ["h1"], "for more of theirs"


def test_a_repeated_pause_or_resume_writes_nothing() -> None:
    harness = harness_with()
    pause(harness, "t")
    for kind, name in ((wire.Pause, "t"), (wire.Resume, "never")):
        harness.order(kind("web", "p", tenant=name))
        done = harness.turn()
        assert (done.acks[0].outcome, done.committed) == (wire.COMMITTED, False)
    harness.order(wire.Resume("web", "p", tenant="t"))
    harness.order(wire.Pause("web", "q", tenant="t"))
    harness.order(wire.Pause("web", "r", tenant="short"))
    harness.order(wire.Resume("web", "s", tenant="short"))
    harness.turn()
    assert harness.ledger.restore().paused == ["t"]


def test_so_many_tenants_are_paused_at_most() -> None:
    harness = harness_with()
    harness.ledger.commit(Records(paused=[f"t{number:04}" for number in range(PAUSED_MAX - 1)]))
    harness.start()
    assert pause(harness, "last").outcome == wire.COMMITTED
    refused = pause(harness, "more")
    assert (refused.outcome, refused.code) == (wire.REFUSED, "paused_full")
    assert pause(harness, "last").outcome == wire.COMMITTED, "it is paused already"
    pause(harness, "last", wire.Resume)
    assert pause(harness, "more").outcome == wire.COMMITTED
    assert len(beat(harness).paused_tenants) == PAUSED_MAX


def test_a_pause_earns_no_credit() -> None:
    harness = harness_with()
    post(harness, "t", *(f"t{number}" for number in range(9)))
    post(harness, "u", *(f"u{number:02}" for number in range(20)))
    pause(harness, "t")
    served = []
    for number in range(20):
        if number == 12:
            pause(harness, "t", wire.Resume)
        (job,) = running(harness)
        served.append(job[0])
        harness.now += 1.0
        finish(harness, job)
    assert served[2:12] == ["u"] * 10
    assert served[13:].count("u") >= 3, "what waited for ten jobs of the other gets every second one, not ten in a row"


def test_no_more_jobs_run_than_running_max() -> None:
    harness = harness_with(workers=3, capacity=3, t=TenantLimits(running_max=2))
    post(harness, "t", "t1", "t2", "t3", "t4")
    assert running(harness) == ["t1", "t2"]
    assert beat(harness).full_tenants == ["t"]
    post(harness, "u", "u1")
    assert running(harness) == ["t1", "t2", "u1"]
    finish(harness, "t1")
    assert running(harness) == ["t2", "t3", "u1"]
    harness.order(wire.Cancel("web", "c", "t4"))
    harness.turn()
    finish(harness, "t2")
    assert running(harness) == ["t3", "u1"]
    assert beat(harness).full_tenants == []


def test_running_max_of_0_means_none_and_not_any() -> None:
    harness = harness_with(workers=2, t=TenantLimits(running_max=0))
    assert post(harness, "t", "t1").outcome == wire.COMMITTED
    post(harness, "u", "u1")
    assert running(harness) == ["u1"]
    pause(harness, "t")
    pause(harness, "t", wire.Resume)
    assert running(harness) == ["u1"]
    assert beat(harness).full_tenants == ["t"]


def test_jobs_that_ran_before_a_restart_count() -> None:
    harness = harness_with(workers=2, t=TenantLimits(running_max=1))
    post(harness, "t", "t1", "t2")
    assert running(harness) == ["t1"]
    harness.start()
    lease = harness.row("t1").lease
    harness.receive(B, ready("b"))
    harness.receive(A, ready("a", holding=(wire.Held("t1", lease, True),)))
    harness.turn(tick=True)
    assert running(harness) == ["t1"]
    finish(harness, "t1")
    assert running(harness) == ["t2"]


def test_what_is_fetched_for_a_tenant_counts_as_running() -> None:
    harness = harness_with(workers=1, t=TenantLimits(running_max=1))
    harness.receive(C, courier("c"))
    original = Original("raw/1/t1", "", 0, 0, 0, "")
    spec = encode(Spec("a.png", None, None, None, "{}", original, "t", source="https://a.example/t.png"))
    harness.submit(*(new_job(name, fetch=True, spec=spec) for name in ("t1", "t2")))
    harness.turn()
    assert running(harness) == ["t1"]
    harness.dispatcher.check()


def test_a_pause_beside_running_max_holds_until_both_end() -> None:
    harness = harness_with(workers=2, t=TenantLimits(running_max=1))
    post(harness, "t", "t1", "t2")
    pause(harness, "t")
    finish(harness, "t1")
    assert running(harness) == []
    pause(harness, "t", wire.Resume)
    assert running(harness) == ["t2"]


def test_no_more_jobs_of_a_tenant_wait_than_queued_max() -> None:
    harness = harness_with(workers=0, t=TenantLimits(queued_max=2), none=TenantLimits(queued_max=0))
    assert post(harness, "t", "t1").outcome == wire.COMMITTED
    refused = post(harness, "t", "t2", "t3")
    assert (refused.outcome, refused.code) == (wire.REFUSED, "queue_full")
    assert post(harness, "t", "t2").outcome == wire.COMMITTED
    assert post(harness, "t", "t1").outcome == wire.COMMITTED, "a repeat adds no job"
    assert post(harness, "t", "t4").code == "queue_full"
    assert post(harness, "none", "n1").code == "queue_full"
    assert post(harness, "u", "u1", "u2", "u3").outcome == wire.COMMITTED
    harness.order(wire.Cancel("web", "c", "t1"))
    harness.turn()
    assert post(harness, "t", "t4").outcome == wire.COMMITTED


@pytest.mark.parametrize("everyone", [0, 2])
def test_a_tenant_s_rate_is_in_place_of_everyone_s(everyone: int) -> None:
    limits = {"t": TenantLimits(rate=3), "u": TenantLimits(weight=2.0)}
    harness = DispatcherHarness(tenants=limits, rate_per_minute=everyone)
    assert post(harness, "t", "t1", "t2", "t3").outcome == wire.COMMITTED
    refused = post(harness, "t", "t4")
    assert (refused.code, refused.left) == ("rate_limited", 0)
    assert (post(harness, "u", "u1", "u2", "u3").outcome == wire.REFUSED) == bool(everyone)
    assert {*beat(harness).over} - {""} == {"t"}
    harness.now += refused.retry_seconds
    assert post(harness, "t", "t4").outcome == wire.COMMITTED


def test_a_requeued_job_is_one_of_the_tenant_s_rate() -> None:
    harness = harness_with(workers=0, t=TenantLimits(rate=1))
    post(harness, "t", "t1")
    harness.order(wire.Cancel("web", "c", "t1"))
    harness.turn()
    harness.order(wire.Requeue("web", "r", "t1", None, None, True))
    assert harness.turn().acks[0].code == "rate_limited"


def kept(harness: DispatcherHarness) -> list[str]:
    return sorted(row.id for row in harness.ledger.rows.values())


def ended(harness: DispatcherHarness, tenant: str, *names: str) -> None:
    post(harness, tenant, *names)
    harness.order(wire.Cancel("web", "c", None, Where(tenant)))
    harness.turn()


def ticks(harness: DispatcherHarness, seconds: int) -> None:
    """So many beats, at which a worker has deleted all that it was told to."""
    for _ in range(seconds):
        harness.now += 1.0
        harness.receive(A, wire.WorkerBeat([]))
        done = harness.turn(tick=True)
        swept = [job for _, message in done.sends if isinstance(message, wire.Sweep) for job, _ in message.sweeps]
        if swept:
            harness.receive(A, wire.Swept(swept))
            harness.turn()


@pytest.mark.parametrize(("everyone", "left"), [(0.0, ["o1", "z1"]), (3 * DAY, ["z1"]), (1.0, ["l1", "z1"])])
def test_each_tenant_s_jobs_are_kept_for_their_time(everyone: float, left: list[str]) -> None:
    """`s` for a day, `l` for five, `z` for ever, others as everyone."""
    limits = {"s": TenantLimits(retention=1.0), "l": TenantLimits(retention=5.0), "z": TenantLimits(retention=0.0)}
    harness = DispatcherHarness(tenants=limits, retention_seconds=everyone, silence_seconds=1e9)
    harness.receive(A, ready("a"))
    pause(harness, "s"), pause(harness, "l"), pause(harness, "z"), pause(harness, "o")  # no worker takes them
    for tenant in "slzo":
        ended(harness, tenant, f"{tenant}1")
    harness.now += DAY - 10.0
    ticks(harness, 5)
    assert kept(harness) == [job for job in ("l1", "o1", "s1", "z1") if job != "o1" or everyone != 1.0]
    ticks(harness, 20)
    assert "s1" not in kept(harness)
    assert harness.ledger.fates(["s1"]) == {"s1": PURGED}
    harness.now += 2 * DAY
    ticks(harness, 20)
    assert kept(harness) == sorted({"l1", *left})
    harness.now += 2 * DAY
    ticks(harness, 20)
    assert kept(harness) == [job for job in left if job != "l1"]


def test_a_walk_passes_jobs_that_are_kept_and_takes_those_behind_them() -> None:
    """In more steps than one, also where the ends of all are the same; and from the start again after a restart."""
    harness = DispatcherHarness(tenants={"s": TenantLimits(retention=1.0)}, silence_seconds=1e9)
    harness.receive(A, ready("a"))
    pause(harness, "s"), pause(harness, "o")
    for start in range(0, WALK_ROWS + 300, 100):
        post(harness, "o", *(f"o{number:04}" for number in range(start, start + 100)))
    for start in range(0, EXPIRE_ROWS + 50, 50):
        post(harness, "s", *(f"s{number:04}" for number in range(start, start + 50)))
    harness.order(wire.Cancel("web", "c", None, Where()))
    harness.turn()
    many = len(kept(harness))
    harness.now += DAY + 1.0
    harness.start()
    harness.receive(A, ready("a"))
    ticks(harness, 30)
    assert len(kept(harness)) == many - EXPIRE_ROWS - 50
    assert not any(job.startswith("s") for job in kept(harness))
    ticks(harness, 3)
    asked = [effects.expire for effects in harness.last if effects.expire]
    assert asked and all(
        harness.ledger.ended_after(each.walk.after, each.before, 9) == [] for each in asked if each.walk
    )


def test_a_clock_that_is_put_back_begins_the_walk_anew() -> None:
    harness = DispatcherHarness(tenants={"s": TenantLimits(retention=1.0)}, silence_seconds=1e9)
    harness.receive(A, ready("a"))
    pause(harness, "s")
    ended(harness, "s", "s1")
    harness.now += DAY + 1.0
    ticks(harness, 2)
    assert kept(harness) == []
    harness.dispatcher.handle(ClockRead(OFFSET - 10 * DAY), harness.now)
    harness.offset = OFFSET - 10 * DAY
    ended(harness, "s", "s2")
    harness.now += DAY + 1.0
    ticks(harness, 2)
    assert kept(harness) == []


def test_what_is_left_of_purged_jobs_is_kept_as_long_as_the_longest() -> None:
    limits = {"s": TenantLimits(retention=1.0), "l": TenantLimits(retention=30.0)}
    harness = DispatcherHarness(tenants=limits, retention_seconds=2 * DAY, silence_seconds=1e9)
    harness.receive(A, ready("a"))
    pause(harness, "s")
    ended(harness, "s", "s1")
    harness.now += 10 * DAY
    ticks(harness, 10)
    harness.now += 20 * DAY
    ticks(harness, 10)
    assert harness.ledger.fates(["s1"]) == {"s1": PURGED}
    harness.now += 20 * DAY
    ticks(harness, 10)
    assert harness.ledger.fates(["s1"]) == {}


def test_a_tenant_that_is_held_wants_no_workers() -> None:
    harness = harness_with(workers=1, t=TenantLimits(running_max=2))
    for number in range(30):
        post(harness, "u", f"warm{number}")
        harness.now += 4.0
        harness.receive(A, wire.WorkerBeat([]))
        finish(harness, f"warm{number}")
    beat(harness)
    pause(harness, "u")
    post(harness, "u", *(f"u{number}" for number in range(50)))
    told = beat(harness)
    assert (told.workers_wanted, told.waiting and told.waiting.lanes) == (0, [])
    post(harness, "t", *(f"t{number}" for number in range(50)))
    assert 1 <= beat(harness).workers_wanted <= 3
    pause(harness, "u", wire.Resume)
    assert beat(harness).workers_wanted > 10


def test_a_snapshot_keeps_holds_weights_and_walks() -> None:
    held, none = TenantLimits(running_max=1, weight=3.0, retention=1.0), TenantLimits(running_max=0)
    harness = harness_with(workers=2, t=held, u=none)
    pause(harness, "v")
    post(harness, "t", "t1", "t2")
    again = from_snapshot(snapshot(harness.dispatcher))
    assert snapshot(again) == snapshot(harness.dispatcher)
    again.check()
    assert (again.books.holds.paused, again.books.holds.full) == ({"v": None}, {"u": None, "t": None})
    assert again.books.holds._turns[0] is again.books.backlog.turns
    assert leases_in(harness.turn(), wire.Assign) == []
