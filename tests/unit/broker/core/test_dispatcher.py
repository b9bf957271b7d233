"""The dispatcher by example: what arrives, and the list of what it wants done."""

import itertools
from typing import Any

import pytest

from broker.core import matching
from broker.core.books import state
from broker.core.books.events import ClockRead, Expire, Expired, Matched
from broker.core.dispatcher import Dispatcher
from broker.core.retention import STEP_SECONDS, TRUST_SECONDS
from jobs import wire
from jobs.errors import LedgerFailed
from jobs.ids import mint, original_name
from jobs.job import Cost, Rendition
from jobs.lanes import LARGE_PIXELS
from jobs.limits import QUARANTINE_SECONDS
from jobs.records import PURGED, Where
from jobs.wire import Failed, Failure, Finish, Finished, Held, LeaseRef, Returned, Start, Started
from tests.properties.rig import OFFSET, Done, Rig, new_job, ready, refs, told

A, B, C = b"a", b"b", b"c"


def rig_with(*jobs: str, workers: int = 1, capacity: int = 1, **policy: Any) -> Rig:
    """Workers a, b, c at peers of the same names; then the jobs, in one POST."""
    rig = Rig(**policy)
    for peer in (A, B, C)[:workers]:
        rig.hear(peer, ready(peer.decode(), capacity))
    rig.turn(tick=True)
    if jobs:
        rig.submit(*map(new_job, jobs))
        rig.turn()
    return rig


def begin(rig: Rig, job: str, lease: int = 1, peer: bytes = A) -> None:
    rig.hear(peer, Started([Start(job, lease, 0.0)]))


def fail(rig: Rig, job: str, code: str, lease: int = 1, peer: bytes = A) -> None:
    rig.hear(peer, Failed([Failure(job, lease, code, "why")]))


def finish(job: str, lease: int = 1, began_at: float | None = None) -> Finished:
    return Finished([Finish(job, lease, [picture(job)], Cost(1.0, 2), began_at=began_at)])


def picture(job: str, name: str = "thumb") -> Rendition:
    return Rendition(name, f"processed/{job[-2:]}/{job}.{name}", "jpeg", 1, 1, 1, "d" * 64)


def story(rig: Rig, job: str) -> list[str]:
    return [moment.event for moment in rig.outcome(job).timeline]


def test_a_job_is_accepted_receipted_and_assigned_in_one_turn() -> None:
    rig = rig_with()
    rig.submit(new_job("j"))
    done = rig.turn()
    (ack,) = done.acks
    assert ack == wire.Ack("r", wire.COMMITTED, ["j"], seq=1, accepted_at=rig.row("j").accepted_at)
    assert done.sends == [(A, wire.Assign([wire.Assignment("j", 1, 60.0, 1 << 30, False, b"spec")]))]
    row = rig.row("j")
    assert (row.state, row.lease, row.attempts, row.worker) == ("running", 1, 0, "a")


def test_started_then_finished_is_done_with_one_attempt() -> None:
    rig = rig_with("j")
    begin(rig, "j")
    rig.turn()
    rig.hear(A, finish("j"))
    assert told(rig.turn(), wire.Settled) == [(A, "j", 1)]
    assert (rig.row("j").state, rig.row("j").attempts, rig.outcome("j").renditions) == ("done", 1, [picture("j")])
    assert story(rig, "j") == ["accepted", "assigned", "started", "rendition", "ended"]


def test_a_start_is_when_the_worker_says_between_its_assignment_and_now() -> None:
    for said, heard in ((-1e6, 0.0), (0.25, 0.25), (1e6, 0.5)):
        for by in (lambda at: Started([Start("j", 1, at)]), lambda at: finish("j", began_at=at)):
            rig = rig_with("j")
            assigned_at = rig.outcome("j").timeline[-1].at
            rig.now = assigned_at - OFFSET + 0.5
            rig.hear(A, by(assigned_at + said))
            rig.turn()
            moments = {moment.event: moment.at for moment in rig.outcome("j").timeline}
            assert moments["started"] == pytest.approx(assigned_at + heard, abs=1e-4)
            assert rig.row("j").started_at == (None if "ended" in moments else moments["started"])


def test_a_job_ended_when_the_worker_says_between_its_start_and_now() -> None:
    for said, heard in ((-1e6, 0.1), (0.25, 0.25), (1e6, 0.5)):
        rig = rig_with("j")
        assigned_at = rig.outcome("j").timeline[-1].at
        rig.now = assigned_at - OFFSET + 0.5
        rig.hear(A, Started([Start("j", 1, assigned_at + 0.1)]))
        rig.hear(A, Finished([Finish("j", 1, [picture("j")], ended_at=assigned_at + said)]))
        rig.turn()
        moments = {moment.event: moment.at for moment in rig.outcome("j").timeline}
        assert moments["ended"] == rig.row("j").ended_at == pytest.approx(assigned_at + heard, abs=1e-4)


def test_an_answer_from_the_cache_charges_nothing() -> None:
    rig = rig_with("j")
    rig.hear(A, Finished([Finish("j", 1, [picture("j")], cached=True)]))
    rig.turn()
    assert (rig.row("j").attempts, rig.outcome("j").cached) == (0, True)


def test_the_least_recently_served_worker_comes_first() -> None:
    rig = rig_with("j1", "j2", workers=2)
    for peer, job in ((B, "j2"), (A, "j1")):
        rig.hear(peer, finish(job))
        rig.turn()
    rig.submit(new_job("j3"))
    assert told(rig.turn(), wire.Assign) == [(A, "j3", 1)]


def test_capacity_bounds_what_is_given_and_idle_workers_come_before_spare_ones() -> None:
    rig = rig_with(workers=2, capacity=2)
    rig.submit(*(new_job(f"j{n}") for n in range(5)))
    done = rig.turn()
    assert [(peer, refs(message)) for peer, message in done.sends] == [
        (A, [("j0", 1), ("j2", 1)]),
        (B, [("j1", 1), ("j3", 1)]),
    ]
    assert rig.row("j4").state == "queued"


def test_nothing_is_prefetched_where_jobs_take_long() -> None:
    rig = rig_with("j1", capacity=2, prefetch_seconds=0.12)
    rig.now += 3.0
    rig.hear(A, finish("j1"))
    rig.turn(tick=True)
    rig.submit(new_job("j2"), new_job("j3"))
    assert told(rig.turn(), wire.Assign) == [(A, "j2", 1)]


def test_what_is_prefetched_waits_for_no_more_than_so_long() -> None:
    rig = rig_with("first", capacity=5, prefetch_seconds=0.15)
    rig.now += 0.05
    rig.hear(A, finish("first"))
    rig.turn()
    rig.now += 1.0
    rig.turn(tick=True)
    rig.submit(*(new_job(f"j{n}") for n in range(5)))
    assert [job for _, job, _ in told(rig.turn(), wire.Assign)] == ["j0", "j1", "j2"], "the third waits for 0.1 s"


def test_an_unstarted_job_is_recalled_for_an_idle_worker() -> None:
    rig = rig_with("j1", "j2", capacity=2)
    begin(rig, "j1")
    rig.hear(B, ready("b", 2))
    rig.hear(C, ready("c", 2))
    rig.turn()
    assert rig.dispatcher.deadline <= rig.now + rig.policy.recall_seconds
    rig.now = rig.dispatcher.deadline
    assert told(rig.turn(tick=True), wire.Recall) == [(A, "j2", 1)]
    assert told(rig.turn(tick=True), wire.Recall) == []
    rig.hear(A, Returned([LeaseRef("j2", 1)]))
    assert told(rig.turn(), wire.Assign) == [(B, "j2", 2)]
    assert rig.row("j2").attempts == 0


@pytest.mark.parametrize(
    "late",
    [
        Started([Start("j", 1, 0.0)]),
        wire.Published([wire.Publication("j", 1, picture("j"))]),
        finish("j"),
        Failed([Failure("j", 1, "undecodable", "")]),
        Returned([LeaseRef("j", 1)]),
        wire.WorkerBeat([Held("j", 1, True)]),
    ],
)
def test_an_answer_under_an_old_lease_changes_nothing_and_is_settled(late: Any) -> None:
    rig = rig_with("j", workers=2)
    rig.lose(A)
    rig.hear(A, ready("a"))
    assert told(rig.turn(), wire.Assign) == [(B, "j", 2)]
    rig.hear(A, late)
    done = rig.turn()
    assert not done.committed
    assert done.sends == [(A, wire.Settled([LeaseRef("j", 1)]))]


def test_a_worker_that_is_not_known_is_asked_once_to_introduce_itself() -> None:
    rig = rig_with()
    rig.hear(b"?", finish("j"), wire.WorkerBeat([]), wire.Leaving())
    assert rig.turn().sends == [(b"?", wire.Introduce(1))]


def test_a_loss_before_a_decoder_began_is_uncharged_and_first_in_the_queue() -> None:
    rig = rig_with("j1", "j2")
    rig.lose(A)
    rig.hear(B, ready("b"))
    assert told(rig.turn(), wire.Assign) == [(B, "j1", 2)]
    assert (rig.row("j1").attempts, rig.outcome("j1").losses) == (0, 1)


def test_twenty_losses_before_a_decoder_began_are_too_many() -> None:
    rig = rig_with("j")
    for _ in range(20):
        assert rig.row("j").state == "running"
        rig.lose(A)
        rig.hear(A, ready("a"))
        rig.turn()
    assert (rig.row("j").state, rig.row("j").code, rig.row("j").attempts) == ("dead", "lost_too_often", 0)


def test_losses_after_the_start_are_charged_and_the_third_backs_off() -> None:
    rig = rig_with("j", attempts_max=4)
    for lease in (1, 2, 3):
        assert (rig.row("j").state, rig.row("j").lease) == ("running", lease)
        begin(rig, "j", lease)
        rig.lose(A)
        rig.hear(A, ready("a"))
        rig.turn()
    row = rig.row("j")
    assert (row.state, row.attempts) == ("delayed", 3)
    assert row.due_at is not None
    assert 0.25 <= row.due_at - OFFSET - rig.now <= 0.5
    rig.now = rig.dispatcher.deadline
    assert told(rig.turn(tick=True), wire.Assign) == [(A, "j", 4)]
    begin(rig, "j", 4)
    rig.lose(A)
    rig.turn()
    assert (rig.row("j").state, rig.row("j").code) == ("dead", "attempts_used_up")


def test_a_job_given_back_is_uncharged_though_a_decoder_had_begun() -> None:
    rig = rig_with("j")
    begin(rig, "j")
    rig.hear(A, wire.Draining(), Returned([LeaseRef("j", 1)]))
    assert told(rig.turn(), wire.Settled) == [(A, "j", 1)]
    assert (rig.row("j").state, rig.row("j").attempts) == ("queued", 0)


def test_an_error_of_the_store_backs_off_from_the_first() -> None:
    rig = rig_with("j")
    begin(rig, "j")
    fail(rig, "j", "store_error")
    rig.turn()
    assert (rig.row("j").state, rig.row("j").attempts) == ("delayed", 1)


@pytest.mark.parametrize("code", ["undecodable", "deadline_exceeded", "sandbox_violation", "operation_failed"])
def test_a_fault_of_the_input_fails_at_once(code: str) -> None:
    rig = rig_with("j")
    begin(rig, "j")
    fail(rig, "j", code)
    rig.turn()
    assert (rig.row("j").state, rig.row("j").code, rig.row("j").attempts) == ("failed", code, 1)


def test_a_waiting_job_is_cancelled_at_once() -> None:
    rig = rig_with("j", workers=0)
    rig.order(wire.Cancel("web", "c", "j"))
    assert rig.turn().acks == [wire.Ack("c", wire.COMMITTED, ["j"])]
    assert (rig.row("j").state, rig.row("j").code) == ("cancelled", "cancelled")
    rig.hear(A, ready("a"))
    assert told(rig.turn(), wire.Assign) == []


def test_a_delayed_job_is_cancelled_at_once_and_stays_so() -> None:
    rig = rig_with("j")
    fail(rig, "j", "memory_over_limit")
    fail(rig, "j", "store_error", lease=1)
    rig.turn()
    begin(rig, "j", 2)
    fail(rig, "j", "store_error", lease=2)
    rig.turn()
    assert rig.row("j").state == "delayed"
    rig.order(wire.Cancel("web", "c", "j"))
    rig.turn()
    rig.now += 4.0
    assert told(rig.turn(tick=True), wire.Assign) == []
    assert rig.row("j").state == "cancelled"


def test_a_running_job_is_abandoned_until_its_worker_answers() -> None:
    rig = rig_with("j")
    begin(rig, "j")
    rig.order(wire.Cancel("web", "c", "j"))
    assert told(rig.turn(), wire.Abandon) == [(A, "j", 1)]
    assert (rig.row("j").state, rig.outcome("j").cancel_requested) == ("running", True)
    rig.now += 1.0
    assert told(rig.turn(tick=True), wire.Abandon) == [(A, "j", 1)]
    rig.hear(A, finish("j"))
    rig.turn()
    assert (rig.row("j").state, rig.outcome("j").renditions) == ("cancelled", [])
    assert rig.dispatcher.books.sweeps.entries["j"].names == ("processed/j/j.thumb",)


@pytest.mark.parametrize("begun", [False, True])
@pytest.mark.parametrize("code", ["store_error", "memory_over_limit", "decoder_crashed", "decoder_lost", "its worker"])
def test_a_cancelled_job_that_fails_or_is_lost_does_not_come_again(code: str, begun: bool) -> None:
    rig = rig_with("j", workers=2)
    if begun:
        begin(rig, "j")
    rig.order(wire.Cancel("web", "c", "j"))
    rig.turn()
    if code == "its worker":
        rig.lose(A)
    else:
        fail(rig, "j", code)
    assert told(rig.turn(tick=True), wire.Assign) == []
    assert (rig.row("j").state, rig.row("j").code) == ("cancelled", "cancelled")


def test_what_was_shown_before_a_cancel_is_not_swept_after_it() -> None:
    rig = rig_with("j")
    shown = wire.Publication("j", 1, picture("j"))
    rig.hear(A, wire.Published([shown]))
    rig.order(wire.Cancel("web", "c", "j"))
    rig.turn()
    rig.hear(A, wire.Published([shown, wire.Publication("j", 1, picture("j", "large"))]))
    rig.turn()
    assert rig.outcome("j").renditions == [picture("j")]
    assert rig.dispatcher.books.sweeps.entries["j"].names == ("processed/j/j.large",)


def test_an_ended_job_is_not_cancelled_and_a_repeated_cancel_is_no_change() -> None:
    rig = rig_with("j1", "j2")
    rig.hear(A, finish("j1"))
    rig.turn()
    rig.order(wire.Cancel("web", "c", "j1"))
    assert rig.turn().acks == [wire.Ack("c", wire.REFUSED, ["j1"], "job_ended")]
    rig.order(wire.Cancel("web", "c", "j2"))
    rig.turn()
    rig.order(wire.Cancel("web", "c", "j2"))
    done = rig.turn()
    assert (done.committed, done.acks) == (False, [wire.Ack("c", wire.COMMITTED, ["j2"])])


def test_nothing_is_given_out_while_very_many_jobs_wait_out_a_failure(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(matching, "DELAYED_MAX", 2)
    rig = rig_with("j1", "j2", "j3", "j4")
    for job in ("j1", "j2"):
        fail(rig, job, "store_error")
        given = told(rig.turn(), wire.Assign)
    assert given == [], "all that fail are in memory"
    assert (rig.row("j2").state, rig.row("j3").state) == ("delayed", "queued")
    rig.now = rig.dispatcher.books.backlog.next_due or 0.0
    assert len(told(rig.turn(tick=True), wire.Assign)) == 1, "one of them is due, and there is room"


def test_pause_holds_dispatch_over_a_restart_without_turning_in_circles() -> None:
    rig = rig_with("j1", "j2", capacity=2)
    rig.hear(B, ready("b"))
    rig.order(wire.Pause("web", "p"))
    rig.turn()
    rig.submit(new_job("j3"))
    assert told(rig.turn(), wire.Assign) == []
    rig.now += 0.2
    assert told(rig.turn(tick=True), wire.Recall) == []
    assert rig.dispatcher.deadline > rig.now
    rig.start()
    rig.hear(B, ready("b"))
    assert told(rig.turn(), wire.Assign) == []
    rig.order(wire.Resume("web", "p"))
    assert told(rig.turn(), wire.Assign) == [(B, "j3", 1)]


def test_a_draining_worker_gets_no_more_and_is_told_once() -> None:
    rig = rig_with()
    for count in (1, 0):
        rig.order(wire.DrainWorker("web", "d", "a"))
        done = rig.turn()
        assert [message for _, message in done.sends] == [wire.Drain()] * count
        assert done.acks == [wire.Ack("d", wire.COMMITTED)]
    rig.submit(new_job("j"))
    assert told(rig.turn(), wire.Assign) == []
    rig.order(wire.DrainWorker("web", "d", "nobody"))
    assert rig.turn().acks == [wire.Ack("d", wire.REFUSED, code="not_found")]


def test_silence_is_judged_in_tick_alone() -> None:
    rig = rig_with("j")
    for rig.now in (2.0, 4.0):
        rig.turn(tick=True)
    rig.now = 6.0
    rig.submit(new_job("k"))
    rig.turn()
    assert rig.row("j").state == "running"
    rig.turn(tick=True)
    assert (rig.row("j").state, rig.dispatcher.peers()) == ("queued", [])


def test_a_broker_that_stood_still_judges_nobody_by_that_time() -> None:
    """Its sockets stood still as well (SIGSTOP, a suspended machine): the mail comes a moment later."""
    rig = rig_with("j")
    rig.now = 60.0
    rig.turn(tick=True)
    assert rig.row("j").state == "running"
    for rig.now in (62.0, 64.0):
        rig.turn(tick=True)
    assert rig.row("j").state == "running"
    rig.now = 66.0
    rig.turn(tick=True)
    assert rig.row("j").state == "queued"


def test_a_broker_that_stood_still_after_its_start_waits_for_holders_again() -> None:
    rig = rig_with("j")
    rig.start()
    rig.turn(tick=True)
    rig.now += 60.0
    rig.turn(tick=True)
    rig.hear(A, ready("a", 1, (Held("j", 1, True),)))
    rig.turn(tick=True)
    assert (rig.row("j").state, rig.row("j").lease) == ("running", 1)


def test_after_a_restart_a_holder_that_comes_back_keeps_its_lease() -> None:
    rig = rig_with("j1", "j2", workers=2)
    rig.start()
    rig.hear(A, ready("a", 1, (Held("j1", 1, True),)))
    rig.turn()
    assert (rig.row("j1").state, rig.row("j1").lease, rig.row("j1").attempts) == ("running", 1, 1)
    rig.now += 1.9
    rig.turn(tick=True)
    assert rig.row("j2").state == "running"
    rig.now += 0.2
    rig.turn(tick=True)
    assert (rig.row("j2").state, rig.row("j2").attempts) == ("queued", 0)
    rig.hear(B, ready("b", 2, (Held("j2", 1, True),)))
    done = rig.turn()
    assert told(done, wire.Settled) == [(B, "j2", 1)]
    assert told(done, wire.Assign) == [(B, "j2", 2)]


def test_after_a_restart_what_its_holder_never_got_is_assigned_at_once() -> None:
    rig = rig_with("j1", "j2", workers=2)
    rig.start()
    rig.hear(A, ready("a"))
    assert told(rig.turn(), wire.Assign) == [(A, "j1", 2)]
    assert (rig.row("j1").attempts, rig.row("j2").lease) == (0, 1)


def test_another_worker_than_the_holder_adopts_nothing() -> None:
    rig = rig_with("j")
    rig.start()
    rig.hear(B, ready("b", 1, (Held("j", 1, True),)))
    assert told(rig.turn(), wire.Settled) == [(B, "j", 1)]
    assert rig.row("j").attempts == 0


def test_a_worker_that_still_names_an_old_lease_has_forgotten_the_new_one() -> None:
    rig = rig_with("j")
    rig.lose(A)
    rig.hear(b"a2", ready("a"))
    assert told(rig.turn(), wire.Assign) == [(b"a2", "j", 2)]
    rig.hear(b"a3", ready("a", 1, (Held("j", 1, False),)))
    done = rig.turn()
    assert told(done, wire.Settled) == [(b"a3", "j", 1)]
    assert told(done, wire.Assign) == [(b"a3", "j", 3)]


@pytest.mark.parametrize(("code", "state"), [("memory_over_limit", "failed"), ("decoder_crashed", "dead")])
def test_a_decoder_that_dies_of_the_job_is_tried_once_more_alone(code: str, state: str) -> None:
    rig = rig_with("j", "k", capacity=2)
    begin(rig, "j")
    fail(rig, "j", code)
    rig.turn()
    assert rig.row("j").state == "queued"
    rig.submit(new_job("l"))
    rig.hear(A, finish("k"))
    done = rig.turn()
    memory = (1 << 30) * (2 if code == "memory_over_limit" else 1)
    assert (A, wire.Assign([wire.Assignment("j", 2, 60.0, memory, True, b"spec")])) in done.sends
    assert rig.row("l").state == "queued"
    begin(rig, "j", 2)
    fail(rig, "j", code, lease=2)
    rig.turn()
    assert (rig.row("j").state, rig.row("j").code, rig.row("j").attempts) == (state, code, 2)
    assert (b"j" in rig.dispatcher.books.quarantine) == (code == "decoder_crashed")


def quarantined() -> Rig:
    rig = rig_with("j")
    for lease in (1, 2):
        begin(rig, "j", lease)
        fail(rig, "j", "decoder_crashed", lease)
        rig.turn()
    rig.start()
    rig.hear(A, ready("a"))
    rig.turn()
    return rig


def test_quarantined_content_fails_untried_and_a_requeue_lifts_it() -> None:
    rig = quarantined()
    rig.submit(new_job("again", content=b"j"))
    rig.turn()
    row = rig.row("again")
    assert (row.state, row.code, row.attempts, row.lease) == ("failed", "quarantined", 0, 0)
    rig.order(wire.Requeue("web", "q", "j"))
    assert told(rig.turn(), wire.Assign) == [(A, "j", 3)]
    assert (rig.row("j").attempts, rig.row("j").code, rig.outcome("j").crashes) == (0, None, 0)
    rig.submit(new_job("third", content=b"j"))
    rig.turn()
    assert rig.row("third").state == "queued"
    assert rig.ledger.restore().quarantine == []


@pytest.mark.parametrize(
    ("engines", "state"),
    [(("engine",), "failed"), (("engine", "engine"), "failed"), (("new",), "running"), (("new", "engine"), "running")],
)
def test_a_new_engine_lifts_a_quarantine(engines: tuple[str, ...], state: str) -> None:
    """The Pillow that crashed is replaced: the same upload is tried."""
    rig = quarantined()
    rig.lose(A)
    for peer, engine in zip((A, B), engines, strict=False):
        rig.hear(peer, ready(peer.decode(), engine=engine))
    rig.turn()
    rig.submit(new_job("again", content=b"j"))
    rig.turn()
    assert rig.row("again").state == state
    rig.start()
    rig.hear(A, ready("a", engine="engine", holding=(Held("again", 1, False),)))
    rig.turn()
    rig.submit(new_job("back", content=b"j"))
    rig.turn()
    assert rig.row("back").state == "failed", "the one that it killed is there again"


def test_where_no_worker_is_nothing_is_judged_by_an_engine() -> None:
    rig = quarantined()
    rig.lose(A)
    rig.turn()
    rig.submit(new_job("again", content=b"j"))
    rig.turn()
    assert rig.row("again").state == "queued"


def test_a_quarantine_lifted_and_set_again_in_one_turn_outlives_a_restart() -> None:
    rig = rig_with(workers=2)
    rig.submit(new_job("j1", content=b"c"), new_job("j2", content=b"c"))
    rig.turn()
    (first,) = rig.dispatcher.books.roster.by_incarnation["a"].leases
    for lease in (1, 2):
        crash(rig, first, lease, A)
        rig.turn()
    (second,) = rig.dispatcher.books.roster.by_incarnation["b"].leases
    crash(rig, second, 1, B)
    rig.turn()
    rig.order(wire.Requeue("web", "q", first))
    holder = A if second in rig.dispatcher.books.roster.by_incarnation["a"].leases else B
    crash(rig, second, 2, holder)
    rig.turn()
    assert list(rig.dispatcher.books.quarantine) == [b"c"]
    assert [entry.content for entry in rig.ledger.restore().quarantine] == [b"c"]


def crash(rig: Rig, job: str, lease: int, peer: bytes) -> None:
    begin(rig, job, lease, peer)
    fail(rig, job, "decoder_crashed", lease, peer)


def test_a_quarantine_ends_with_its_time() -> None:
    rig = rig_with("j", silence_seconds=1e9)
    for lease in (1, 2):
        begin(rig, "j", lease)
        fail(rig, "j", "decoder_crashed", lease)
        rig.turn()
    for since, entries in ((QUARANTINE_SECONDS - 60.0, 1), (QUARANTINE_SECONDS + 60.0, 0)):
        rig.now = since
        rig.turn(tick=True)
        assert len(rig.dispatcher.books.quarantine) == len(rig.ledger.restore().quarantine) == entries


def test_a_clock_that_is_put_far_forward_ends_no_quarantine_for_an_hour() -> None:
    rig = quarantined()
    rig.dispatcher.handle(ClockRead(OFFSET + 2 * QUARANTINE_SECONDS), rig.now)
    rig.now += TRUST_SECONDS - 10.0
    rig.turn(tick=True)
    assert len(rig.ledger.restore().quarantine) == 1
    rig.now += 20.0
    rig.turn(tick=True)
    assert rig.ledger.restore().quarantine == []


def test_of_very_many_in_quarantine_the_oldest_goes(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(state, "QUARANTINE_MAX", 3)
    rig = rig_with(*(f"j{number}" for number in range(5)), capacity=5)
    while (running := [entry for entry in rig.dispatcher.books.entries.values() if entry.holder]) and rig.now < 100:
        for entry in running:
            begin(rig, entry.id, entry.lease)
            fail(rig, entry.id, "decoder_crashed", entry.lease)
        rig.turn()
    assert [entry.content for entry in rig.ledger.restore().quarantine] == list(rig.dispatcher.books.quarantine)
    assert len(rig.dispatcher.books.quarantine) == 3


def test_a_done_job_is_not_requeued() -> None:
    rig = rig_with("j")
    rig.hear(A, finish("j"))
    rig.turn()
    rig.order(wire.Requeue("web", "q", "j"))
    assert rig.turn().acks == [wire.Ack("q", wire.REFUSED, ["j"], "not_requeueable")]


def test_an_ack_tells_the_places_of_what_is_new_and_queued_and_of_nothing_else() -> None:
    rig = quarantined()
    rig.submit(new_job("a"), new_job("b"))
    first = rig.turn().acks[0]
    assert [rig.row(job).seq for job in "ab"] == [first.seq, first.seq + 1]
    assert {rig.row(job).accepted_at for job in "ab"} == {first.accepted_at}
    rig.submit(new_job("a"), new_job("b"), request="again")
    rig.submit(new_job("c"), new_job("bad", content=b"j"), request="one of them fails untried")
    for ack in rig.turn().acks:
        assert (ack.outcome, ack.seq, ack.accepted_at) == (wire.COMMITTED, 0, 0.0)


def test_a_key_names_its_job_from_the_turn_of_its_acceptance() -> None:
    rig = rig_with()
    keyed = {"key": b"k", "fingerprint": b"f"}
    rig.submit(new_job("j1", **keyed))
    rig.submit(new_job("j2", **keyed), request="same turn")
    first = rig.turn()
    rig.submit(new_job("j3", **keyed), request="later")
    rig.submit(new_job("j4", key=b"k", fingerprint=b"other"), request="other")
    assert [*first.acks, *rig.turn().acks] == [
        wire.Ack("r", wire.COMMITTED, ["j1"], seq=1, accepted_at=rig.row("j1").accepted_at),
        wire.Ack("same turn", wire.KNOWN, ["j1"]),
        wire.Ack("later", wire.KNOWN, ["j1"]),
        wire.Ack("other", wire.CONFLICT),
    ]
    assert len(rig.ledger.rows) == 1


def test_a_repeated_submit_is_committed_whatever_else_holds() -> None:
    rig = rig_with("j", "k", workers=0, queued_max=2)
    rig.submit(new_job("j"), new_job("k"), age=1e6)
    done = rig.turn()
    assert (done.committed, done.acks) == (False, [wire.Ack("r", wire.COMMITTED, ["j", "k"])])


def test_a_full_queue_and_an_old_submit_are_refused_whole() -> None:
    rig = rig_with("j", workers=0, queued_max=2)
    rig.submit(new_job("k"), new_job("l"))
    rig.submit(new_job("m"), age=43_300.0)
    done = rig.turn()
    assert [ack.code for ack in done.acks] == ["queue_full", "broker_silent"]
    assert not done.committed


def test_a_job_in_back_off_fills_the_queue_as_well() -> None:
    rig = rig_with("j", "k", queued_max=2)
    begin(rig, "j")
    fail(rig, "j", "store_error")
    rig.turn()
    assert (rig.row("j").state, rig.row("k").state) == ("delayed", "running")
    rig.submit(new_job("l"))
    assert rig.turn().acks[0].outcome == wire.COMMITTED
    rig.submit(new_job("m"))
    assert rig.turn().acks[0].code == "queue_full"


def test_a_lane_whose_last_jobs_left_unseen_is_forgotten() -> None:
    rig = rig_with("j", "k", workers=0, window=1)
    rig.start()
    rig.order(wire.Cancel("web", "c", None, Where()))
    rig.turn()
    rig.submit(new_job("l"))
    rig.hear(A, ready("a"))
    assert told(rig.turn(), wire.Assign) == [(A, "l", 1)]


@pytest.mark.parametrize("count", [6, 7])
def test_a_backlog_larger_than_the_window_is_served_in_order(count: int) -> None:
    rig = Rig(window=3)
    names = [f"j{n}" for n in range(count)]
    rig.submit(*map(new_job, names))
    rig.turn()
    assert len(rig.dispatcher.books.entries) <= 3
    rig.hear(A, ready("a"))
    served = told(rig.turn(), wire.Assign)
    while len(served) < count:
        rig.hear(A, finish(served[-1][1]))
        served += told(rig.turn(), wire.Assign)
    rig.hear(A, finish(served[-1][1]))
    rig.turn()
    assert [job for _, job, _ in served] == names
    assert rig.ledger.meta.counts["done"] == count
    rig.dispatcher.check()


def test_priorities_are_strict_in_a_tenant_and_tenants_and_sizes_take_turns() -> None:
    rig = rig_with()
    rig.order(wire.Pause("web", "p"))
    rig.submit(new_job("low", priority=2), new_job("t1"), new_job("t2"), new_job("u1", tenant="u"))
    rig.submit(new_job("big", pixels=9_000_000), new_job("high", priority=0))
    rig.order(wire.Resume("web", "p"))
    served = told(rig.turn(), wire.Assign)
    for _ in range(5):
        rig.hear(A, finish(served[-1][1]))
        served += told(rig.turn(), wire.Assign)
    assert [job for _, job, _ in served] == ["high", "u1", "t1", "big", "t2", "low"]


def test_classes_share_the_time_and_what_is_not_asked_for_is_not_owed() -> None:
    rig = rig_with()

    def served(seconds: dict[str, float], count: int) -> list[str]:
        """What the one worker is given, where a job of each class takes so long."""
        found = []
        for _ in range(count):
            (job,) = rig.dispatcher.books.roster.by_peer[A].leases
            rig.now += seconds[job[0]]
            rig.hear(A, wire.WorkerBeat([]), finish(job))
            found += [job for _, job, _ in told(rig.turn(tick=True), wire.Assign)]
        return found

    seconds = {"s": 0.5, "l": 2.0}
    rig.submit(new_job("s-first"), new_job("l-first", pixels=50_000_000))
    rig.turn()
    served(seconds, 2)
    rig.submit(*(new_job(f"l{number}", pixels=50_000_000) for number in range(9)))
    rig.turn()
    served(seconds, 4)
    rig.submit(*(new_job(f"s{number}") for number in range(9)))
    rig.turn()
    assert "".join(job[0] for job in served(seconds, 10)) == "sssslssssl"


def test_a_purged_job_is_swept_by_a_worker_and_then_forgotten() -> None:
    rig = rig_with("j")
    rig.order(wire.Purge("web", "p", "j"))
    assert rig.turn().acks == [wire.Ack("p", wire.REFUSED, ["j"], "job_not_ended")]
    rig.hear(A, finish("j"))
    rig.turn()
    rig.order(wire.Purge("web", "p", "j"))
    done = rig.turn()
    assert rig.ledger.job("j") is None
    assert rig.ledger.fates(["j"]) == {"j": PURGED}
    (sweep,) = [message for _, message in done.sends if isinstance(message, wire.Sweep)]
    assert sweep.sweeps == [("j", ["raw/j/j", "processed/j/j.thumb"])]
    rig.hear(B, ready("b"), wire.Swept(["j"]))
    rig.turn()
    assert [entry.job for entry in rig.ledger.restore().sweeps] == ["j"]
    rig.hear(A, wire.Swept(["j"]))
    rig.turn()
    assert rig.ledger.restore().sweeps == []


def test_what_ended_longer_ago_than_the_retention_goes_as_a_purge_takes_it() -> None:
    rig = rig_with("old", "waits", retention_seconds=10.0, silence_seconds=1e6)
    rig.hear(A, finish("old"))
    rig.turn()
    rig.now += 4.0
    rig.hear(A, Failed([Failure("waits", 1, "undecodable", "why")]))
    rig.turn()
    rig.now += 5.9
    rig.turn(tick=True)
    assert rig.ledger.fates(["old", "waits"]) == {"old": "done", "waits": "failed"}
    rig.now += 1.0
    done = rig.turn(tick=True)
    assert rig.ledger.fates(["old", "waits"]) == {"old": PURGED, "waits": "failed"}
    assert [message.sweeps for _, message in done.sends if isinstance(message, wire.Sweep)] == [
        [("old", ["raw/ld/old", "processed/ld/old.thumb"])]
    ]
    assert rig.ledger.meta.counts["done"] == 0


def test_a_clock_that_is_put_far_forward_makes_no_job_old_for_an_hour() -> None:
    rig = Rig(retention_seconds=3600.0)
    rig.submit(*(new_job(f"{n:04}") for n in range(150)))
    rig.turn()
    rig.order(wire.Cancel("web", "c", None, Where()))
    rig.turn(tick=True)
    asked = Expire(OFFSET + rig.now, 100)
    rig.dispatcher.handle(ClockRead(OFFSET + 1e6), rig.now)
    rig.dispatcher.handle(Expired(asked, list(rig.ledger.rows.values())[:100]), rig.now)  # asked for before
    assert rig.dispatcher.trusted_at == rig.now + TRUST_SECONDS
    rig.now += TRUST_SECONDS - 2.0
    rig.turn(tick=True)
    assert len(rig.ledger.rows) == 50
    rig.dispatcher.handle(ClockRead(OFFSET), rig.now)
    rig.dispatcher.handle(ClockRead(OFFSET + STEP_SECONDS), rig.now)
    rig.now += 3.0
    rig.turn(tick=True)
    assert len(rig.ledger.rows) == 0


def test_nothing_goes_by_age_without_a_retention() -> None:
    rig = rig_with("j")
    rig.hear(A, finish("j"))
    rig.turn()
    rig.now += 1e9
    rig.turn(tick=True)
    assert rig.row("j").state == "done"


def test_a_delay_is_never_longer_than_the_longest_though_the_clock_went_back() -> None:
    rig = rig_with("j")
    for lease in (1, 2, 3):
        begin(rig, "j", lease)
        fail(rig, "j", "store_error", lease)
        rig.turn()
        rig.now += 120.0
        rig.turn(tick=True)
    fail(rig, "j", "store_error", 4)
    rig.turn()
    assert rig.row("j").state == "delayed"
    rig.dispatcher = Dispatcher(rig.policy)
    rig.dispatcher.restore(rig.ledger.restore(), rig.now, OFFSET - 1e6)
    rig.hear(A, ready("a"))
    rig.now += 61.0
    rig.turn(tick=True)
    assert rig.row("j").state == "running"


def wanted(rig: Rig) -> int:
    """As the next beat says."""
    rig.now += 1.0
    rig.turn(tick=True)
    (beat,) = [effects.beat for effects in rig.last if effects.beat]
    return beat.workers_wanted


def test_what_waits_beyond_the_window_is_foretold_also_without_tenants() -> None:
    rig = rig_with(window=4)
    rig.submit(*(new_job(f"j{n}", tenant="") for n in range(21)))
    rig.turn()
    rig.now += 1.0
    rig.turn(tick=True)
    (beat,) = [effects.beat for effects in rig.last if effects.beat]
    assert beat.waiting is not None
    assert [view.queued for view in beat.waiting.lanes] == [20]


def test_workers_are_wanted_for_the_time_of_what_waits_not_for_the_longest_of_all() -> None:
    rig = rig_with(wanted_seconds=10.0)
    for job, seconds in ((new_job("large", pixels=LARGE_PIXELS), 100.0), (new_job("small"), 0.98)):
        rig.submit(job)
        rig.turn()
        rig.now += seconds
        rig.hear(A, finish(job.id))
        rig.turn()
    rig.submit(*(new_job(f"s{n}") for n in range(40)))
    rig.turn()
    assert wanted(rig) == 4


def test_retention_goes_on_at_once_in_steps_but_no_faster_than_workers_sweep() -> None:
    rig = Rig(retention_seconds=10.0, window=1)
    rig.submit(*(new_job(f"{n:04}") for n in range(1600)))
    rig.turn()
    rig.order(wire.Cancel("web", "c", None, Where()))
    rig.turn()
    rig.now += 20.0
    rig.hear(A, ready("a"))
    left = []
    for _ in range(12):
        rig.turn(tick=True)
        left.append(len(rig.ledger.rows))
    assert left == [*range(1500, 500, -100), 600, 600]
    rig.hear(A, wire.Swept(list(rig.dispatcher.books.sweeps.sweeping)))
    rig.turn(tick=True)
    assert len(rig.ledger.rows) == 500


@pytest.mark.parametrize("command", [wire.Requeue, wire.Purge])
def test_a_command_over_many_finds_nothing_where_the_retention_came_first(command: Any) -> None:
    rig = rig_with("j", retention_seconds=60.0)
    fail(rig, "j", "undecodable")
    rig.turn()
    rig.now += 60.0
    row = rig.row("j")
    rig.dispatcher.handle(Expired(Expire(OFFSET + rig.now, 1), [row]), rig.now)
    rig.dispatcher.handle(Matched(command("web", "m", None, Where()), [row], None), rig.now)
    (ack,) = rig.turn().acks
    assert (ack.matched, ack.changed) == (0, 0)
    rig.dispatcher.check()
    assert (rig.ledger.job("j"), rig.ledger.restore().meta.counts["failed"]) == (None, 0)


def test_a_command_over_many_counts_what_matched_and_what_changed() -> None:
    rig = rig_with(*(f"j{n}" for n in range(8)), window=3)
    cancel = wire.Cancel("web", "c", None, Where(state="queued"))
    rows = [rig.row(f"j{n}") for n in range(1, 8)]
    rig.dispatcher.handle(Matched(cancel, rows[:3], rows[2].seq), rig.now)
    step = wire.Ack("c", wire.COMMITTED, matched=3, changed=3, following=rows[2].seq)
    assert rig.turn().acks == [step]
    rig.order(cancel)
    assert rig.turn().acks[-1] == wire.Ack("c", wire.COMMITTED, matched=1, changed=1)
    assert rig.ledger.meta.counts["cancelled"] == 7


@pytest.mark.parametrize("command", [wire.Cancel, wire.Requeue, wire.Purge])
def test_a_command_over_many_counts_also_what_it_refuses(command: Any) -> None:
    rig = rig_with("ended", "waits")
    rig.hear(A, finish("ended"))
    rig.turn()
    rig.order(command("web", "m", None, Where()))
    (ack,) = rig.turn().acks
    assert (ack.matched, ack.changed) == (2, 0 if command is wire.Requeue else 1)


@pytest.mark.parametrize(("kept", "state"), [(False, "running"), (True, "done")])
def test_a_commit_that_fails_ends_the_broker_and_the_next_believes_the_ledger(kept: bool, state: str) -> None:
    rig = rig_with("j")
    rig.ledger.fail_next_commit(kept=kept)
    rig.hear(A, finish("j"))
    with pytest.raises(LedgerFailed):
        rig.turn()
    rig.start()
    assert rig.row("j").state == state
    rig.hear(A, ready("a", 1, (Held("j", 1, True),)))
    rig.turn()
    rig.hear(A, finish("j"))
    assert told(rig.turn(), wire.Settled)[-1] == (A, "j", 1)
    assert rig.row("j").state == "done"


def test_a_broker_that_stops_settles_and_assigns_nothing() -> None:
    rig = rig_with("j", "k")
    rig.dispatcher.stop()
    rig.hear(A, finish("j"))
    done = rig.turn()
    assert told(done, wire.Settled) == [(A, "j", 1)]
    assert told(done, wire.Assign) == []


def test_what_a_dead_worker_held_comes_again_in_its_order() -> None:
    rig = rig_with("j1", "j2", capacity=2)
    begin(rig, "j1")
    rig.turn()
    rig.lose(A)
    rig.hear(B, ready("b", capacity=1))
    assert told(rig.turn(), wire.Assign) == [(B, "j1", 2)]


def test_a_holder_that_comes_back_hears_of_the_cancel_at_once() -> None:
    rig = rig_with("j")
    rig.start()
    rig.order(wire.Cancel("web", "c", "j"))
    rig.turn(tick=True)
    rig.hear(A, ready("a", 1, (Held("j", 1, True),)))
    assert told(rig.turn(), wire.Abandon) == [(A, "j", 1)]


def test_a_requeued_job_comes_last() -> None:
    rig = rig_with("j1", "j2", workers=0)
    rig.order(wire.Cancel("web", "c", "j1"))
    rig.turn()
    rig.order(wire.Requeue("web", "q", "j1"))
    rig.turn()
    assert rig.row("j1").position > rig.row("j2").position


def test_a_drain_that_a_broken_connection_lost_is_said_again() -> None:
    rig = rig_with("j")
    rig.order(wire.DrainWorker("web", "d", "a"))
    rig.turn()
    rig.hear(C, ready("a", 2, (Held("j", 1, True),)))
    assert wire.Drain() in [message for peer, message in rig.turn().sends if peer == C]
    rig.submit(new_job("k"))
    assert told(rig.turn(), wire.Assign) == []


def test_blobs_added_to_a_sweep_under_way_are_offered_next() -> None:
    rig = rig_with("j")
    rig.hear(A, wire.Published([wire.Publication("j", 1, picture("j"))]))
    rig.order(wire.Cancel("web", "c", "j"))
    rig.turn()
    for name in ("large", "small"):
        rig.hear(A, wire.Published([wire.Publication("j", 1, picture("j", name))]))
        rig.turn()
    rig.hear(A, wire.Swept(["j"]))
    (sweep,) = [message for _, message in rig.turn().sends if isinstance(message, wire.Sweep)]
    assert sweep.sweeps == [("j", ["processed/j/j.small"])]
    rig.hear(A, wire.Swept(["j"]))
    rig.turn()
    assert rig.ledger.restore().sweeps == []


def test_a_sweep_that_a_worker_could_not_do_is_offered_again() -> None:
    rig = rig_with("j")
    rig.order(wire.Cancel("web", "c", "j"))
    rig.hear(A, finish("j"))
    offered = []
    for second in range(63):
        rig.now += 1.0
        rig.hear(A, wire.WorkerBeat([]))
        offered += [second for _, message in rig.turn(tick=True).sends if isinstance(message, wire.Sweep)]
    assert offered == [0, 60]


def test_a_store_that_fails_before_a_decoder_began_uses_attempts_up_with_backoff() -> None:
    rig = rig_with("j", attempts_max=2)
    fail(rig, "j", "store_error")
    rig.turn()
    assert rig.row("j").state == "delayed"
    rig.now += 60.0
    rig.hear(A, wire.WorkerBeat([]))
    rig.turn(tick=True)
    fail(rig, "j", "store_error", lease=2)
    rig.turn()
    assert (rig.row("j").state, rig.row("j").code, rig.row("j").attempts) == ("dead", "attempts_used_up", 0)


def test_a_requeue_drops_a_sweep_that_nobody_was_given() -> None:
    rig = rig_with("j")
    rig.order(wire.Cancel("web", "c", "j"))
    rig.hear(A, finish("j"))
    rig.lose(A)
    rig.turn()
    assert [entry.job for entry in rig.ledger.restore().sweeps] == ["j"]
    rig.order(wire.Requeue("web", "q", "j"))
    rig.turn()
    assert rig.ledger.restore().sweeps == []


def test_a_requeue_drops_a_sweep_of_the_same_turn() -> None:
    rig = rig_with("j")
    rig.order(wire.Cancel("web", "c", "j"))
    rig.turn()
    rig.hear(A, finish("j"))
    rig.order(wire.Requeue("web", "q", "j"))
    rig.turn()
    assert rig.row("j").state == "running"
    assert rig.ledger.restore().sweeps == []


@pytest.mark.parametrize("dies", [False, True])
def test_a_job_is_not_requeued_while_a_worker_deletes_what_it_would_make_again(dies: bool) -> None:
    rig = rig_with("j")
    rig.order(wire.Cancel("web", "c", "j"))
    rig.hear(A, finish("j"))
    assert [message for _, message in rig.turn().sends if isinstance(message, wire.Sweep)]
    rig.order(wire.Requeue("web", "q", "j"))
    assert [(ack.outcome, ack.code) for ack in rig.turn().acks] == [(wire.REFUSED, "broker_silent")]
    rig.hear(B, ready("b"))
    if dies:
        rig.order(wire.Pause("web", "p"))
        rig.lose(A)
        rig.order(wire.Requeue("web", "q", "j"))
        rig.order(wire.Resume("web", "p"))
    else:
        rig.hear(A, wire.Swept(["j"]))
        rig.turn()
        rig.order(wire.Requeue("web", "q", "j"))
    done = rig.turn()
    assert [ref[1:] for ref in told(done, wire.Assign)] == [("j", 2)]
    assert not [message for _, message in done.sends if isinstance(message, wire.Sweep)]
    assert rig.ledger.restore().sweeps == []


def test_a_new_job_does_not_overtake_those_that_only_the_ledger_holds() -> None:
    rig = rig_with(window=4)
    rig.submit(*(new_job(f"j{n}") for n in range(6)))
    rig.turn()
    rig.submit(new_job("late"))
    rig.turn()
    served = ["j0"]
    for _ in range(6):
        rig.hear(A, finish(served[-1]))
        served += [job for _, job, _ in told(rig.turn(), wire.Assign)]
    assert served == [*(f"j{n}" for n in range(6)), "late"]


def test_a_lost_job_that_a_refill_reads_again_waits_once() -> None:
    rig = rig_with("j1", "j2", grace_seconds=0.0)
    rig.start()
    rig.turn(tick=True)
    assert [entry.id for entry in rig.dispatcher.books.backlog.queued()] == ["j1", "j2"]


def test_a_job_whose_time_has_come_is_queued_in_the_ledger_too() -> None:
    rig = rig_with("j")
    fail(rig, "j", "store_error")
    rig.lose(A)
    rig.turn()
    rig.now += 60.0
    rig.turn(tick=True)
    assert rig.row("j").state == "queued"


def walk_asked(done: Done) -> list[tuple[bytes, wire.Walk]]:
    """Steps of the walk that were asked for."""
    return [(peer, message) for peer, message in done.sends if isinstance(message, wire.Walk)]


def sweeps(rig: Rig) -> dict[str, tuple[str, ...]]:
    return {entry.job: entry.names for entry in rig.ledger.restore().sweeps}


def test_the_walk_goes_step_by_step_and_once_in_orphan_seconds() -> None:
    rig = Rig(orphan_seconds=50.0)
    rig.hear(A, ready("a"))
    first = wire.Walk("", 50.0, 250)
    assert walk_asked(rig.turn(tick=True)) == [(A, first)]
    rig.find(A, [], following="raw/x")
    assert walk_asked(rig.turn(tick=True)) == []
    rig.now += 0.1
    assert walk_asked(rig.turn(tick=True)) == [(A, wire.Walk("raw/x", 50.0, 250))]
    rig.find(A, [])
    asked = []
    while rig.now < 60.0:
        rig.now += 1.0
        rig.hear(A, wire.WorkerBeat([]))
        asked += [(rig.now, *send) for send in walk_asked(rig.turn(tick=True))]
        if asked:
            rig.find(A, [])
    assert [(peer, message) for _, peer, message in asked] == [(A, first)]
    assert 50.0 <= asked[0][0] <= 52.0


def test_a_restart_walks_from_the_start() -> None:
    rig = rig_with()
    rig.find(A, [], following="raw/x")
    rig.turn()
    rig.start()
    rig.hear(A, ready("a"))
    assert [message.after for _, message in walk_asked(rig.turn(tick=True))] == [""]


def test_a_step_without_an_answer_is_asked_of_another() -> None:
    rig = rig_with(workers=2, silence_seconds=60.0)
    rig.lose(A)
    rig.turn()
    rig.now += 9.0
    assert walk_asked(rig.turn(tick=True)) == []
    rig.now += 1.0
    assert walk_asked(rig.turn(tick=True)) == [(B, wire.Walk("", 86_400.0, 250))]
    rig.find(A, ["raw/j/j"])
    rig.find(B, ["raw/k/k"], after="other")
    rig.turn()
    assert sweeps(rig) == {}


def test_who_drains_or_is_not_known_walks_nothing() -> None:
    rig = Rig()
    rig.hear(A, ready("a", draining=True))
    assert walk_asked(rig.turn(tick=True)) == []
    assert rig.dispatcher.deadline > rig.now
    rig.find(C, ["raw/j/j"])
    assert rig.turn().sends == [(C, wire.Introduce(1))]


def test_what_no_row_names_is_swept() -> None:
    rig = rig_with("done", "failed", "runs", capacity=3)
    rig.submit(new_job("waits"))
    rig.hear(A, finish("done"))
    fail(rig, "failed", "undecodable")
    rig.turn()
    names = [original_name(job) for job in ("done", "failed", "runs", "waits", "never")]
    names += [
        f"processed/{job[-2:]}/{job}.{rendition}"
        for job in ("done", "failed", "runs")
        for rendition in ("thumb", "late")
    ]
    rig.find(A, [*names, "raw/zz/no job's"])
    rig.turn()
    assert sweeps(rig) == {
        "never": ("raw/er/never",),
        "done": ("processed/ne/done.late",),
        "failed": ("processed/ed/failed.thumb", "processed/ed/failed.late"),
        "no job's": ("raw/zz/no job's",),
    }


def test_an_original_is_no_orphan_while_its_submit_may_come() -> None:
    rig = rig_with(orphan_seconds=60.0)
    old, young = (mint(OFFSET + rig.now - age, b"0123456789") for age in (61.0, 59.0))
    rig.find(A, [original_name(old), original_name(young)])
    rig.turn()
    assert sweeps(rig) == {old: (original_name(old),)}


def test_the_walk_sees_what_this_turn_has_yet_to_write() -> None:
    rig = rig_with("j")
    fail(rig, "j", "undecodable")
    rig.turn()
    rig.order(wire.Requeue("web", "q", "j"))
    rig.submit(new_job("fresh"))
    rig.find(A, ["raw/sh/fresh", "processed/j/j.thumb"])
    rig.turn()
    assert sweeps(rig) == {}


def test_what_is_swept_already_is_not_swept_again() -> None:
    rig = rig_with("j")
    rig.hear(A, finish("j"))
    rig.turn()
    rig.order(wire.Purge("web", "p", "j"))
    rig.find(A, ["processed/j/j.late", "processed/j/j.thumb"])
    rig.turn()
    assert sweeps(rig) == {"j": ("raw/j/j", "processed/j/j.thumb", "processed/j/j.late")}
    rig.now += 90_000.0
    rig.hear(A, ready("a"))
    assert len(walk_asked(rig.turn(tick=True))) == 1
    commits = rig.ledger.commits
    rig.find(A, ["processed/j/j.late"])
    rig.turn()
    assert rig.ledger.commits == commits


def test_the_walk_waits_for_the_sweeps_of_what_it_found() -> None:
    rig = rig_with()
    rig.find(A, [f"raw/zz/{number}" for number in range(1001)], following="raw/zz/x")
    rig.turn()
    rig.now += 0.2
    assert walk_asked(rig.turn(tick=True)) == []
    rig.hear(A, wire.Swept([job for job, _ in rig.dispatcher.books.sweeps.sweeping.items()]))
    rig.turn()
    rig.now += 1.0
    assert [message.after for _, message in walk_asked(rig.turn(tick=True))] == ["raw/zz/x"]


def beat_of(rig: Rig) -> wire.Beat:
    """What a beat says now."""
    rig.now += 2
    rig.turn(tick=True)
    beats = [effects.beat for effects in rig.last if effects.beat]
    assert beats
    return beats[-1]


def test_a_beat_counts_each_tenant_s_jobs_also_after_a_start() -> None:
    rig = rig_with(workers=1)
    rig.submit(new_job("u1", tenant="u"))
    rig.submit(new_job("t1"), new_job("t2"), request="s")
    rig.turn()
    rig.hear(A, finish("u1"))
    beat = beat_of(rig)
    shares = beat.tenants
    assert {name: share.counts for name, share in shares.items()} == {
        "t": {"queued": 1, "running": 1},
        "u": {"done": 1},
    }
    assert (shares["t"].accepted_per_minute, shares["t"].ended_per_minute) == (2.0, 0.0)
    assert (shares["u"].accepted_per_minute, shares["u"].ended_per_minute) == (1.0, 1.0)
    assert shares["u"].oldest_at is None
    assert shares["t"].oldest_at == beat.oldest_at == rig.row("t2").accepted_at
    assert [[job.tenant for job in worker.jobs] for worker in beat.workers] == [["t"]]
    rig.start()
    rig.order(wire.Purge("web", "p", "u1"))
    assert {name: share.counts for name, share in beat_of(rig).tenants.items()} == {"t": {"queued": 2}}


def test_while_mail_waits_all_is_done_that_is_due_but_nobody_is_taken_for_silent() -> None:
    """Under a flood no turn reads every socket empty."""
    rig = rig_with("delayed", workers=2, silence_seconds=5.0)
    fail(rig, "delayed", "store_error")
    rig.turn()
    due = rig.row("delayed").due_at
    assert due is not None
    beats = []
    while rig.now < 20.0:
        rig.now += 0.1
        rig.dispatcher.tick(rig.now, False)
        rig.turn()
        beats += [rig.now for effects in rig.last if effects.beat is not None]
        if rig.row("delayed").state == "running" and due:
            assert rig.now + OFFSET - due < 0.2
            due = 0.0
    assert due == 0.0
    assert max(later - earlier for earlier, later in itertools.pairwise(beats)) < 1.2
    assert len(rig.dispatcher.peers()) == 2
    rig.turn(tick=True)
    assert rig.dispatcher.peers() == []


def test_who_spoke_before_all_was_read_is_not_silent_after() -> None:
    rig = rig_with("j", workers=2)
    for _ in range(100):
        rig.now += 0.1
        rig.dispatcher.tick(rig.now, False)
        rig.hear(A, wire.WorkerBeat([Held("j", 1, False)]))
        rig.turn()
    rig.turn(tick=True)
    assert rig.dispatcher.peers() == [A]


def test_a_heavy_job_of_a_worker_that_says_ready_again_is_counted_once() -> None:
    rig = rig_with()
    rig.submit(new_job("j", cost_ms=5000.0), request="1")
    rig.turn()
    begin(rig, "j")
    rig.turn()
    rig.hear(A, ready("a", holding=(Held("j", 1, True),)))
    rig.turn()
    rig.dispatcher.check()
    rig.hear(A, finish("j"))
    rig.turn(tick=True)
    rig.submit(new_job("h", cost_ms=5000.0), request="2")
    rig.turn(tick=True)
    assert rig.row("h").state == "running"


def test_where_the_lane_above_is_found_empty_the_next_one_is_served() -> None:
    rig = rig_with(window=1)
    rig.order(wire.Pause("web", "p"))
    rig.turn()
    for number in range(3):
        rig.submit(new_job(f"h{number}", priority=0), request=f"h{number}")
        rig.turn()
    rig.submit(new_job("n", priority=1), request="n")
    rig.turn()
    for number in (1, 2):
        rig.order(wire.Cancel("web", f"c{number}", f"h{number}"))
        rig.turn()
    rig.hear(B, ready("b"))
    rig.turn(tick=True)
    rig.order(wire.Resume("web", "q"))
    rig.turn()
    assert rig.row("n").state == "running"
    rig.dispatcher.check()
