"""What the whole core counts of its jobs, and what of it a restart keeps."""

from jobs import wire
from jobs.intervals import STEP_SECONDS, Figures, decode_figures
from jobs.wire import Failed, Failure, Finish, Finished, Start, Started
from tests.properties.harness import DispatcherHarness, leases_in, new_job, ready

A = b"a"


def stored(harness: DispatcherHarness) -> dict[int, Figures]:
    """The intervals in the ledger, by the steps since the first."""
    entries = harness.ledger.intervals(0)
    return {(entry.at - entries[0].at) // STEP_SECONDS: decode_figures(entry.figures) for entry in entries}


def ticked(harness: DispatcherHarness, seconds: int) -> None:
    """Let so many seconds pass, with a tick in each. The worker lives."""
    for _ in range(seconds):
        harness.now += 1.0
        if A in harness.dispatcher.books.roster.by_peer:
            harness.receive(A, wire.WorkerBeat([]))
        harness.turn(tick=True)


def begun(harness: DispatcherHarness) -> dict[str, int]:
    """The leases of jobs that a worker now holds and began, by job."""
    leases = {job: lease for _, job, lease in leases_in(harness.turn(tick=True), wire.Assign)}
    harness.receive(A, Started([Start(job, lease, harness.now + harness.offset) for job, lease in leases.items()]))
    return leases


def worked() -> DispatcherHarness:
    """A core after three jobs: `good` took 4 s, `bad` is undecodable, `late` was cancelled while it waited."""
    harness = DispatcherHarness()
    harness.offset = STEP_SECONDS * 5_000_000.0
    harness.start()
    harness.submit(new_job("good", tenant="acme"), new_job("bad"), request="r1")
    ticked(harness, 2)
    harness.receive(A, ready("w", 2))
    leases = begun(harness)
    harness.submit(new_job("late"), request="r2")
    harness.turn()
    harness.order(wire.Cancel("web", "r3", "late"))
    ticked(harness, 4)
    harness.receive(A, Finished([Finish("good", leases["good"], [])]))
    harness.receive(A, Failed([Failure("bad", leases["bad"], "undecodable", "no image")]))
    ticked(harness, 12)
    return harness


def test_each_job_is_counted_with_its_times_and_its_end() -> None:
    (figures,) = stored(worked()).values()
    assert figures.accepted == 3
    assert figures.ended == {"done": 1, "failed": 1, "cancelled": 1}
    assert figures.codes == {"undecodable": 1, "cancelled": 1}
    assert (figures.queued_max, figures.workers_min, figures.workers_max) == (2, 0, 1)
    assert 1.0 <= figures.oldest_seconds <= 3.0
    assert {(slow.job, slow.tenant) for slow in figures.slowest} == {("good", "acme"), ("bad", "t")}
    assert figures.runs.count == figures.waits.count == 2
    assert figures.runs.mean is not None and 4.0 <= figures.runs.mean < 5.0
    assert figures.waits.mean is not None and 2.0 <= figures.waits.mean < 3.0


def test_a_quarantined_upload_is_an_end_too() -> None:
    harness = worked()
    quarantine = harness.dispatcher.books.quarantine
    quarantine.add(new_job("again").content, "engine", harness.now + harness.offset)
    harness.submit(new_job("again"), request="r4")
    ticked(harness, 12)
    (figures,) = stored(harness).values()
    assert (figures.accepted, figures.codes.get("quarantined")) == (4, 1)


def test_a_requeued_job_ends_twice_and_its_second_wait_says_nothing() -> None:
    harness = worked()
    harness.order(wire.Requeue("web", "r5", "bad"))
    leases = begun(harness)
    ticked(harness, 2)
    harness.receive(A, Finished([Finish("bad", leases["bad"], [])]))
    ticked(harness, 12)
    (figures,) = stored(harness).values()
    assert figures.ended == {"done": 2, "failed": 1, "cancelled": 1}
    assert (figures.runs.count, figures.waits.count) == (3, 2)


def test_a_restart_goes_on_with_the_interval_and_a_longer_one_leaves_a_gap() -> None:
    harness = worked()
    harness.start()
    harness.submit(new_job("next"), request="r6")
    ticked(harness, 12)
    (figures,) = stored(harness).values()
    assert figures.accepted == 4
    harness.now += 3 * STEP_SECONDS
    harness.start()
    ticked(harness, STEP_SECONDS + 1)
    found = stored(harness)
    assert found[0].accepted == 4
    assert set(found) == {0, 3} or set(found) == {0, 3, 4}
    assert sum(figures.accepted for figures in found.values()) == 4
