"""A job that is not begun in time ends as expired: judged when it would be assigned, and when its time has come."""

import pytest

from broker.core.books.events import OverdueFound
from broker.core.deadlines import LOOK_SECONDS, OVERDUE_ROWS
from jobs import wire
from jobs.job import State
from jobs.records import DeadlineEntry
from tests.properties.harness import OFFSET, DispatcherHarness, new_job, ready

A = b"a"


def waiting(*seconds: float | None, **policy: float) -> DispatcherHarness:
    """Jobs "0", "1", ... that wait, each with a deadline in so many seconds; nobody works."""
    harness = DispatcherHarness(**policy)
    harness.turn(tick=True)  # it looks what the ledger has
    for number, expires_in in enumerate(seconds):
        harness.submit(new_job(str(number)), request=str(number), expires_in=expires_in)
    harness.turn()
    return harness


def states(harness: DispatcherHarness) -> list[str]:
    """What became of the jobs."""
    return [row.code or row.state for row in harness.ledger.rows.values()]


def pass_time(harness: DispatcherHarness, until: float) -> int:
    """Turns at the core's deadlines, as a broker takes them, until then. Returns how often the ledger was asked."""
    asked = 0
    while (due := harness.dispatcher.deadline) < until:
        harness.now = max(harness.now, due)
        harness.turn(tick=True)
        asked += sum(effects.find_overdue is not None for effects in harness.last)
    harness.now = until
    return asked


def test_a_job_that_waits_ends_when_its_time_has_come() -> None:
    harness = waiting(2.0, None, 5.0)
    begin = harness.now
    pass_time(harness, begin + 1.9)
    assert states(harness) == ["queued"] * 3
    pass_time(harness, begin + 2.1)
    assert states(harness) == ["expired", "queued", "queued"]
    row = harness.row("0")
    assert (row.state, row.attempts, harness.outcome("0").expires_at) == ("failed", 0, row.accepted_at + 2.0)
    assert row.ended_at is not None
    assert 2.0 <= row.ended_at - row.accepted_at < 2.0 + LOOK_SECONDS
    error = harness.outcome("0").error
    assert error is not None and (error.code, error.detail) == ("expired", "it was not begun within 2 s")
    assert [entry.event for entry in harness.outcome("0").timeline] == ["accepted", "ended"]
    pass_time(harness, begin + 6.0)
    assert states(harness) == ["expired", "queued", "expired"]
    assert harness.ledger.meta.counts["failed"] == 2
    harness.dispatcher.check()


def test_a_late_job_is_not_assigned_and_the_next_one_is() -> None:
    harness = waiting(1.0, 1.0, 9.0)
    harness.now += 1.5
    harness.receive(A, ready("a"))
    done = harness.turn()
    assert [(job.job) for _, message in done.sends if isinstance(message, wire.Assign) for job in message.jobs] == ["2"]
    assert states(harness) == ["expired", "expired", "running"]
    harness.dispatcher.check()


def test_a_job_that_was_begun_or_requeued_does_not_expire() -> None:
    harness = waiting(1.0, 1.0)
    harness.order(wire.Cancel("web", "c", "1"))
    harness.turn()
    harness.order(wire.Requeue("web", "q", "1"))
    harness.receive(A, ready("a"))
    harness.turn()
    lease = harness.row("0").lease
    harness.receive(A, wire.Started([wire.Start("0", lease, OFFSET)]))
    harness.turn()
    harness.lose(A)
    harness.turn()
    assert [(row.state, row.attempts) for row in harness.ledger.rows.values()] == [("queued", 1), ("queued", 0)]
    pass_time(harness, harness.now + 3.0)
    assert states(harness) == ["queued", "queued"]
    assert harness.outcome("1").expires_at is None
    harness.receive(b"b", ready("b", capacity=2))
    harness.turn()
    assert states(harness) == ["running", "running"]


def test_an_old_answer_of_the_ledger_is_harmless() -> None:
    harness = waiting(1.0)
    waited = harness.row("0")
    harness.receive(A, ready("a"))
    harness.turn()
    harness.now += 2.0
    harness.dispatcher.handle(OverdueFound([waited], True), harness.now)
    harness.turn()
    assert states(harness) == ["running"]
    harness.dispatcher.check()


def test_a_job_that_comes_back_while_the_ledger_is_asked_is_judged() -> None:
    """The ledger's answer does not know it."""
    harness = waiting(5.0, 2.0)
    begin = harness.now
    harness.receive(A, ready("a"))
    harness.turn()
    assert states(harness) == ["running", "queued"]
    harness.now = begin + 2.0
    harness.dispatcher.tick(harness.now)
    effects = harness.dispatcher.drain(harness.now)
    harness.ledger.commit(effects.records)
    rows = harness.ledger.expiring(OVERDUE_ROWS)
    harness.lose(A)
    harness.dispatcher.handle(OverdueFound(rows, True), harness.now)
    harness.turn()
    assert states(harness) == ["queued", "expired"]
    pass_time(harness, begin + 6.0)
    assert states(harness) == ["expired", "expired"]


def test_a_job_that_lost_its_deadline_while_the_ledger_is_asked_hides_no_other() -> None:
    harness = waiting(1.0, 2.0, 50.0)
    harness.now += 3.0
    rows = harness.ledger.expiring(OVERDUE_ROWS)
    harness.order(wire.Cancel("web", "c", "0"))
    harness.order(wire.Requeue("web", "q", "0"))
    harness.dispatcher.books.deadlines.first = None
    harness.dispatcher.handle(OverdueFound(rows, True), harness.now)
    harness.turn()
    assert states(harness) == ["queued", "expired", "queued"]
    pass_time(harness, harness.now + 60.0)
    assert states(harness) == ["queued", "expired", "expired"]


def test_a_job_that_a_worker_holds_unbegun_is_judged_when_it_comes_back() -> None:
    harness = waiting(1.0)
    harness.receive(A, ready("a"))
    harness.turn()
    harness.now += 2.0
    harness.receive(A, wire.WorkerBeat([wire.Held("0", harness.row("0").lease, False)]))
    harness.turn(tick=True)
    assert states(harness) == ["running"]
    harness.receive(A, wire.Returned([wire.LeaseRef("0", harness.row("0").lease)]), wire.Draining())
    harness.turn()
    pass_time(harness, harness.now + 0.2)
    assert states(harness) == ["expired"]


def test_deadlines_survive_a_restart() -> None:
    harness = waiting(5.0, 3.0, None)
    harness.now += 1.0
    harness.start()
    begin = harness.now
    pass_time(harness, begin + 1.5)
    assert states(harness) == ["queued"] * 3
    pass_time(harness, begin + 2.5)
    assert states(harness) == ["queued", "expired", "queued"]
    harness.now += 9.0
    harness.start()
    harness.turn(tick=True)
    assert states(harness) == ["expired", "expired", "queued"]


def test_jobs_that_only_the_ledger_holds_expire_in_steps_at_once() -> None:
    jobs = OVERDUE_ROWS * 3 + 5
    harness = waiting(*([2.0] * jobs), 50.0, window=2)
    assert len(harness.dispatcher.books.entries) == 2
    asked = pass_time(harness, harness.now + 2.2)
    assert states(harness) == ["expired"] * jobs + ["queued"]
    assert asked <= 6
    harness.dispatcher.check()


def test_the_ledger_is_asked_only_when_a_deadline_has_passed() -> None:
    harness = waiting(None)
    assert pass_time(harness, harness.now + 20.0) == 0
    harness.submit(new_job("x"), request="x", expires_in=10.0)
    harness.turn()
    assert pass_time(harness, harness.now + 9.0) == 0
    assert pass_time(harness, harness.now + 9.0) == 1


def test_the_ledger_holds_the_deadlines_of_waiting_jobs_alone() -> None:
    def held() -> list[int]:
        return [entry.seq for entry in harness.ledger.entries(DeadlineEntry, None, 10)]

    harness = waiting(50.0, 60.0, None)
    first, second, _ = harness.ledger.rows
    assert held() == [first, second]
    harness.receive(A, ready("a"))
    harness.turn()
    assert held() == [second]
    harness.lose(A)
    harness.turn()
    assert held() == [first, second]
    harness.order(wire.Cancel("web", "c", "0"))
    harness.order(wire.Requeue("web", "q", "0"))
    harness.turn()
    assert held() == [second], "a cancel and a requeue in one turn"
    harness.order(wire.Cancel("web", "c", "1"))
    harness.turn()
    assert held() == []
    assert harness.outcome("1").expires_at is not None


def test_a_clock_that_is_put_forward_brings_deadlines_nearer() -> None:
    harness = waiting(100.0)
    harness.dispatcher.books.offset += 99.0
    pass_time(harness, harness.now + 2.0)
    assert states(harness) == ["expired"]


@pytest.mark.parametrize("paused", [True, False])
def test_a_paused_queue_expires_too(paused: bool) -> None:
    harness = waiting(1.0)
    harness.order((wire.Pause if paused else wire.Resume)("web", "p"))
    harness.receive(A, ready("a"))
    harness.turn()
    pass_time(harness, harness.now + 1.5)
    assert harness.row("0").state == (State.FAILED if paused else State.RUNNING)
