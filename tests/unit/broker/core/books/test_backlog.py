"""What of the queue is in memory: bounded over all lanes, however many tenants there are."""

import pytest

from broker.core.books import backlog
from broker.core.books.backlog import REFILL_LANES, REFILL_ROWS
from broker.core.books.window import ENTRY_BYTES
from broker.core.snapshot import snapshot
from jobs import wire
from jobs.records import Where
from jobs.wire import Finish, Finished
from tests.properties.harness import DispatcherHarness, leases_in, new_job, ready

SPEC = b"s" * 500


def fill(
    harness: DispatcherHarness, tenants: int, jobs: int, priorities: tuple[int, ...] = (1,), spec: bytes = SPEC
) -> None:
    """So many queued jobs of each tenant in each priority."""
    for number in range(jobs):
        for tenant in range(tenants):
            each = [
                new_job(f"t{tenant:04}-{priority}-{number:04}", tenant=f"t{tenant:04}", priority=priority, spec=spec)
                for priority in priorities
            ]
            harness.submit(*each, request=each[0].id)
        harness.turn()


def in_memory(harness: DispatcherHarness) -> int:
    return sum(ENTRY_BYTES + len(entry.spec) for entry in harness.dispatcher.books.backlog.queued())


def test_many_lanes_share_one_budget(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(backlog, "BUDGET_BYTES", 200_000)
    harness = DispatcherHarness()
    fill(harness, 4, 100)
    assert in_memory(harness) <= 2 * 200_000
    fill(harness, 60, 10, priorities=(0, 1))
    assert in_memory(harness) <= 2 * 200_000
    assert len(harness.dispatcher.books.entries) == len(harness.dispatcher.books.backlog.queued())
    harness.dispatcher.check()


@pytest.mark.parametrize("size", [100, 20_000])
def test_windows_are_bounded_in_bytes_and_not_in_jobs_alone(monkeypatch: pytest.MonkeyPatch, size: int) -> None:
    monkeypatch.setattr(backlog, "BUDGET_BYTES", 300_000)
    harness = DispatcherHarness()
    fill(harness, 2, 200, spec=b"s" * size)
    assert in_memory(harness) <= 2 * 300_000
    harness.start()
    harness.turn()
    assert 0 < in_memory(harness) <= 2 * 300_000


def test_what_left_memory_is_served_in_order_with_all_the_rest(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(backlog, "BUDGET_BYTES", 100_000)
    harness = DispatcherHarness()
    fill(harness, 1, 60)
    held = len(harness.dispatcher.books.backlog.queued())
    fill(harness, 40, 30)
    assert sum(entry.tenant == "t0000" for entry in harness.dispatcher.books.backlog.queued()) < held
    served = serve_all(harness)
    assert len(served) == len(set(served)) == 60 + 39 * 30
    for tenant in range(40):
        own = [job for job in served if job.startswith(f"t{tenant:04}")]
        assert own == sorted(own)


def serve_all(harness: DispatcherHarness) -> list[str]:
    harness.receive(b"w", ready("w", 1))
    served: list[str] = []
    while given := leases_in(harness.turn(tick=True), wire.Assign):
        served += [job for _, job, _ in given]
        harness.now += 0.01
        harness.receive(b"w", *(Finished([Finish(job, lease, [])]) for _, job, lease in given))
        harness.dispatcher.check()
    return served


def test_a_start_reads_no_more_than_a_turn_may_and_what_is_served_first() -> None:
    harness = DispatcherHarness()
    fill(harness, 100, 10, priorities=(0, 1, 2))
    harness.start()
    harness.receive(b"w", ready("w", 1))
    effects = harness.dispatcher.drain(harness.now)
    assert len(effects.refills) <= REFILL_LANES
    assert sum(refill.limit for refill in effects.refills) <= REFILL_ROWS
    assert {refill.lane.priority for refill in effects.refills} == {0}, "the others wait behind these"


def test_a_turn_reads_a_bounded_number_of_lanes_though_each_has_room_for_few(monkeypatch: pytest.MonkeyPatch) -> None:
    harness = DispatcherHarness()
    fill(harness, 2 * REFILL_LANES, 2)
    monkeypatch.setattr(backlog, "BUDGET_BYTES", 1)
    harness.start()
    read: set[str] = set()
    while asked := harness.dispatcher.drain(harness.now).refills:
        assert len(asked) <= REFILL_LANES
        assert not read & {refill.lane.name for refill in asked}, "asked for twice"
        read |= {refill.lane.name for refill in asked}
    assert len(read) == 2 * REFILL_LANES, "the rest is read in the next turns"


def test_a_lane_is_read_before_it_has_run_out() -> None:
    harness = DispatcherHarness(window=8)
    fill(harness, 1, 20)
    harness.receive(b"w", ready("w", 6))
    assert len(leases_in(harness.turn(tick=True), wire.Assign)) == 6
    assert len(harness.dispatcher.books.backlog.queued()) == 8, "the two that were left are not waited for"


def test_no_lane_is_left_unread(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(backlog, "REFILL_LANES", 3)
    monkeypatch.setattr(backlog, "REFILL_ROWS", 5)
    harness = DispatcherHarness()
    fill(harness, 12, 4, priorities=(0, 2))
    harness.start()
    served = serve_all(harness)
    assert len(served) == 12 * 4 * 2
    for tenant in range(12):
        own = [job[6:] for job in served if job.startswith(f"t{tenant:04}")]
        assert own == sorted(own), "a low one went before a high one"


def test_a_snapshot_of_very_many_lanes_is_bounded(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(backlog, "BUDGET_BYTES", 3_000_000)
    harness = DispatcherHarness()
    fill(harness, 100, 20, spec=b"s" * 20_000)
    assert len(snapshot(harness.dispatcher)) < 2 * 3_000_000 + 1_000_000 < 100 * 20 * 20_000 / 5


def test_a_lane_that_a_command_emptied_goes(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(backlog, "BUDGET_BYTES", 10_000)
    harness = DispatcherHarness()
    fill(harness, 20, 5)
    harness.order(wire.Cancel("web", "c", None, Where()))
    harness.turn()
    harness.turn()
    assert harness.dispatcher.books.backlog.queued() == []
    assert list(harness.dispatcher.books.backlog.in_order()) == []
    harness.dispatcher.check()
