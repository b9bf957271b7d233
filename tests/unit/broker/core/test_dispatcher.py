"""The dispatcher by example: what arrives, and the list of what it wants done."""

import copy
import itertools
from typing import Any

import msgspec
import pytest

from broker.config import policy_of
from broker.core import matching
from broker.core.books import quarantine
from broker.core.books.events import ClockRead, DurabilityRead, Expire, Expired, Matched, Policy
from broker.core.books.secrets import HEARD_MAX, HEARD_SECONDS
from broker.core.dispatcher import Dispatcher
from broker.core.retention import STEP_SECONDS, TRUST_SECONDS
from host.settings.settings import Settings
from jobs import wire
from jobs.errors import LedgerFailed
from jobs.ids import mint, original_name
from jobs.job import Cost, Rendition
from jobs.lanes import LARGE_MS
from jobs.leases import next_lease
from jobs.limits import QUARANTINE_SECONDS
from jobs.records import PURGED, Where
from jobs.wire import Failed, Failure, Finish, Finished, Held, LeaseRef, Returned, Start, Started
from tests.properties.harness import OFFSET, DispatcherHarness, Done, leases_in, new_job, past_retention, ready, refs

A, B, C = b"a", b"b", b"c"


def harness_with(*jobs: str, workers: int = 1, capacity: int = 1, **policy: Any) -> DispatcherHarness:
    """Workers a, b, c at peers of the same names; then the jobs, in one POST."""
    harness = DispatcherHarness(**policy)
    for peer in (A, B, C)[:workers]:
        harness.receive(peer, ready(peer.decode(), capacity))
    harness.turn(tick=True)
    if jobs:
        harness.submit(*map(new_job, jobs))
        harness.turn()
    return harness


def begin(harness: DispatcherHarness, job: str, lease: int = 1, peer: bytes = A) -> None:
    harness.receive(peer, Started([Start(job, lease, 0.0)]))


def fail(harness: DispatcherHarness, job: str, code: str, lease: int = 1, peer: bytes = A) -> None:
    harness.receive(peer, Failed([Failure(job, lease, code, "why")]))


def finish(job: str, lease: int = 1, began_at: float | None = None) -> Finished:
    return Finished([Finish(job, lease, [picture(job)], Cost(1.0, 2), began_at=began_at)])


def picture(job: str, name: str = "thumb") -> Rendition:
    return Rendition(name, f"processed/{job[-2:]}/{job}.{name}", "jpeg", 1, 1, 1, "d" * 64)


def changed(harness: DispatcherHarness) -> list[wire.Change]:
    """The changes that the next turn tells."""
    harness.turn()
    return [change for effects in harness.last if effects.changes for change in effects.changes.changes]


def story(harness: DispatcherHarness, job: str) -> list[str]:
    return [entry.event for entry in harness.outcome(job).timeline]


def test_a_job_is_accepted_receipted_and_assigned_in_one_turn() -> None:
    harness = harness_with()
    harness.submit(new_job("j"))
    done = harness.turn()
    (ack,) = done.acks
    assert ack == wire.Ack("r", wire.COMMITTED, ["j"], seq=1, accepted_at=harness.row("j").accepted_at)
    assert done.sends == [(A, wire.Assign([wire.Assignment("j", 1, 60.0, 1 << 30, False, b"spec")]))]
    row = harness.row("j")
    assert (row.state, row.lease, row.attempts, row.worker) == ("running", 1, 0, "a")


def test_facts_are_a_change_of_the_job_and_come_once() -> None:
    harness = harness_with("j")
    begin(harness, "j")
    harness.receive(A, wire.Described([wire.Description("j", 1, b"facts")]))
    told = [each for each in changed(harness) if each.facts]
    assert [(each.state, each.facts, each.change) for each in told] == [("running", b"facts", harness.row("j").change)]
    assert harness.outcome("j").facts == b"facts"
    harness.receive(A, Finished([Finish("j", 1, [picture("j")], facts=b"facts")]))
    assert [each.facts for each in changed(harness) if each.facts] == []
    assert story(harness, "j") == ["accepted", "assigned", "started", "described", "rendition", "ended"]


def test_facts_that_come_with_the_end_are_told_before_the_renditions() -> None:
    harness = harness_with("j")
    harness.receive(A, Finished([Finish("j", 1, [picture("j")], None, True, facts=b"facts")]))
    harness.turn()
    assert story(harness, "j") == ["accepted", "assigned", "described", "rendition", "ended"]
    assert harness.outcome("j").facts == b"facts"


def test_facts_under_a_lost_lease_change_nothing() -> None:
    harness = harness_with("j")
    harness.receive(A, wire.Described([wire.Description("j", 9, b"facts")]))
    assert leases_in(harness.turn(), wire.Settled) == [(A, "j", 9)]
    assert harness.outcome("j").facts == b""


def test_a_lease_carries_the_nonce_of_its_term_and_people_see_its_count() -> None:
    harness = harness_with("j")
    harness.ledger.nonce = 7
    harness.start()
    harness.receive(B, ready("b"))
    harness.now += 2.2
    assert leases_in(harness.turn(tick=True), wire.Assign) == [(B, "j", next_lease(1, 7))]
    assert [entry.lease for entry in harness.outcome("j").timeline if entry.event == "assigned"] == [1, 2]
    harness.receive(B, finish("j", 2))
    assert leases_in(harness.turn(), wire.Settled) == [(B, "j", 2)]
    assert harness.row("j").state == "running", "an answer under the count alone changes nothing"
    harness.receive(B, finish("j", next_lease(1, 7)))
    harness.turn()
    assert harness.row("j").state == "done"


def test_an_older_ledger_is_put_back_while_a_worker_holds_the_next_lease() -> None:
    """It gets the job again under another number, and does it; what it did under the lost lease changes nothing."""
    harness = harness_with("j")
    older = copy.deepcopy(harness.ledger)
    harness.receive(A, Returned([LeaseRef("j", 1)]))
    assert leases_in(harness.turn(), wire.Assign) == [(A, "j", 2)]
    harness.ledger, older.nonce = older, 7
    harness.start()
    harness.receive(A, ready("a", holding=(Held("j", 2, True),)))
    done = harness.turn()
    assert leases_in(done, wire.Settled) == [(A, "j", 2)]
    assert leases_in(done, wire.Assign) == [(A, "j", next_lease(1, 7))]
    harness.receive(A, finish("j", 2))
    assert not harness.turn().committed
    harness.receive(A, finish("j", next_lease(1, 7)))
    harness.turn()
    assert harness.row("j").state == "done"


def test_started_then_finished_is_done_with_one_attempt() -> None:
    harness = harness_with("j")
    begin(harness, "j")
    harness.turn()
    harness.receive(A, finish("j"))
    assert leases_in(harness.turn(), wire.Settled) == [(A, "j", 1)]
    assert (harness.row("j").state, harness.row("j").attempts, harness.outcome("j").renditions) == (
        "done",
        1,
        [picture("j")],
    )
    assert story(harness, "j") == ["accepted", "assigned", "started", "rendition", "ended"]


def test_a_start_is_when_the_worker_says_between_its_assignment_and_now() -> None:
    for said, counted in ((-1e6, 0.0), (0.25, 0.25), (1e6, 0.5)):
        for by in (lambda at: Started([Start("j", 1, at)]), lambda at: finish("j", began_at=at)):
            harness = harness_with("j")
            assigned_at = harness.outcome("j").timeline[-1].at
            harness.now = assigned_at - OFFSET + 0.5
            harness.receive(A, by(assigned_at + said))
            harness.turn()
            times = {entry.event: entry.at for entry in harness.outcome("j").timeline}
            assert times["started"] == pytest.approx(assigned_at + counted, abs=1e-4)
            assert harness.row("j").started_at == (None if "ended" in times else times["started"])


def test_a_job_ended_when_the_worker_says_between_its_start_and_now() -> None:
    for said, counted in ((-1e6, 0.1), (0.25, 0.25), (1e6, 0.5)):
        harness = harness_with("j")
        assigned_at = harness.outcome("j").timeline[-1].at
        harness.now = assigned_at - OFFSET + 0.5
        harness.receive(A, Started([Start("j", 1, assigned_at + 0.1)]))
        harness.receive(A, Finished([Finish("j", 1, [picture("j")], ended_at=assigned_at + said)]))
        harness.turn()
        times = {entry.event: entry.at for entry in harness.outcome("j").timeline}
        assert times["ended"] == harness.row("j").ended_at == pytest.approx(assigned_at + counted, abs=1e-4)


def test_an_answer_from_the_cache_charges_nothing() -> None:
    harness = harness_with("j")
    harness.receive(A, Finished([Finish("j", 1, [picture("j")], cached=True)]))
    harness.turn()
    assert (harness.row("j").attempts, harness.outcome("j").cached) == (0, True)


def test_the_least_recently_served_worker_comes_first() -> None:
    harness = harness_with("j1", "j2", workers=2)
    for peer, job in ((B, "j2"), (A, "j1")):
        harness.receive(peer, finish(job))
        harness.turn()
    harness.submit(new_job("j3"))
    assert leases_in(harness.turn(), wire.Assign) == [(A, "j3", 1)]


def test_capacity_bounds_what_is_given_and_idle_workers_come_before_spare_ones() -> None:
    harness = harness_with(workers=2, capacity=2)
    harness.submit(*(new_job(f"j{n}") for n in range(5)))
    done = harness.turn()
    assert [(peer, refs(message)) for peer, message in done.sends] == [
        (A, [("j0", 1), ("j2", 1)]),
        (B, [("j1", 1), ("j3", 1)]),
    ]
    assert harness.row("j4").state == "queued"


def test_nothing_is_prefetched_where_jobs_take_long() -> None:
    harness = harness_with("j1", capacity=2, prefetch_seconds=0.12)
    harness.now += 3.0
    harness.receive(A, finish("j1"))
    harness.turn(tick=True)
    harness.submit(new_job("j2"), new_job("j3"))
    assert leases_in(harness.turn(), wire.Assign) == [(A, "j2", 1)]


def test_what_is_prefetched_waits_for_no_more_than_so_long() -> None:
    harness = harness_with("first", capacity=5, prefetch_seconds=0.15)
    harness.now += 0.05
    harness.receive(A, finish("first"))
    harness.turn()
    harness.now += 1.0
    harness.turn(tick=True)
    harness.submit(*(new_job(f"j{n}") for n in range(5)))
    assigned = leases_in(harness.turn(), wire.Assign)
    assert [job for _, job, _ in assigned] == ["j0", "j1", "j2"], "the third waits for 0.1 s"


def test_an_unstarted_job_is_recalled_for_an_idle_worker() -> None:
    harness = harness_with("j1", "j2", capacity=2)
    begin(harness, "j1")
    harness.receive(B, ready("b", 2))
    harness.receive(C, ready("c", 2))
    harness.turn()
    assert harness.dispatcher.deadline <= harness.now + harness.policy.recall_seconds
    harness.now = harness.dispatcher.deadline
    assert leases_in(harness.turn(tick=True), wire.Recall) == [(A, "j2", 1)]
    assert leases_in(harness.turn(tick=True), wire.Recall) == []
    harness.receive(A, Returned([LeaseRef("j2", 1)]))
    assert leases_in(harness.turn(), wire.Assign) == [(B, "j2", 2)]
    assert harness.row("j2").attempts == 0


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
    harness = harness_with("j", workers=2)
    harness.lose(A)
    harness.receive(A, ready("a"))
    assert leases_in(harness.turn(), wire.Assign) == [(B, "j", 2)]
    harness.receive(A, late)
    done = harness.turn()
    assert not done.committed
    assert done.sends == [(A, wire.Settled([LeaseRef("j", 1)]))]


def test_a_worker_that_is_not_known_is_asked_once_to_introduce_itself() -> None:
    harness = harness_with()
    harness.receive(b"?", finish("j"), wire.WorkerBeat([]), wire.Leaving())
    assert harness.turn().sends == [(b"?", wire.Introduce(1))]


def test_a_loss_before_a_decoder_began_is_uncharged_and_first_in_the_queue() -> None:
    harness = harness_with("j1", "j2")
    harness.lose(A)
    harness.receive(B, ready("b"))
    assert leases_in(harness.turn(), wire.Assign) == [(B, "j1", 2)]
    assert (harness.row("j1").attempts, harness.outcome("j1").losses) == (0, 1)


def test_twenty_losses_before_a_decoder_began_are_too_many() -> None:
    harness = harness_with("j")
    for _ in range(20):
        assert harness.row("j").state == "running"
        harness.lose(A)
        harness.receive(A, ready("a"))
        harness.turn()
    assert (harness.row("j").state, harness.row("j").code, harness.row("j").attempts) == ("dead", "lost_too_often", 0)


def test_losses_after_the_start_are_charged_and_the_third_backs_off() -> None:
    harness = harness_with("j", attempts_max=4)
    for lease in (1, 2, 3):
        assert (harness.row("j").state, harness.row("j").lease) == ("running", lease)
        begin(harness, "j", lease)
        harness.lose(A)
        harness.receive(A, ready("a"))
        harness.turn()
    row = harness.row("j")
    assert (row.state, row.attempts) == ("delayed", 3)
    assert row.due_at is not None
    assert 0.25 <= row.due_at - OFFSET - harness.now <= 0.5
    harness.now = harness.dispatcher.deadline
    assert leases_in(harness.turn(tick=True), wire.Assign) == [(A, "j", 4)]
    begin(harness, "j", 4)
    harness.lose(A)
    harness.turn()
    assert (harness.row("j").state, harness.row("j").code) == ("dead", "attempts_used_up")


def test_a_job_given_back_is_uncharged_though_a_decoder_had_begun() -> None:
    harness = harness_with("j")
    begin(harness, "j")
    harness.receive(A, wire.Draining(), Returned([LeaseRef("j", 1)]))
    assert leases_in(harness.turn(), wire.Settled) == [(A, "j", 1)]
    assert (harness.row("j").state, harness.row("j").attempts) == ("queued", 0)


def test_an_error_of_the_store_backs_off_from_the_first() -> None:
    harness = harness_with("j")
    begin(harness, "j")
    fail(harness, "j", "store_error")
    harness.turn()
    assert (harness.row("j").state, harness.row("j").attempts) == ("delayed", 1)


@pytest.mark.parametrize("code", ["undecodable", "deadline_exceeded", "sandbox_violation", "operation_failed"])
def test_a_fault_of_the_input_fails_at_once(code: str) -> None:
    harness = harness_with("j")
    begin(harness, "j")
    fail(harness, "j", code)
    harness.turn()
    assert (harness.row("j").state, harness.row("j").code, harness.row("j").attempts) == ("failed", code, 1)


def test_a_waiting_job_is_cancelled_at_once() -> None:
    harness = harness_with("j", workers=0)
    harness.order(wire.Cancel("web", "c", "j"))
    assert harness.turn().acks == [wire.Ack("c", wire.COMMITTED, ["j"])]
    assert (harness.row("j").state, harness.row("j").code) == ("cancelled", "cancelled")
    harness.receive(A, ready("a"))
    assert leases_in(harness.turn(), wire.Assign) == []


def test_a_delayed_job_is_cancelled_at_once_and_stays_so() -> None:
    harness = harness_with("j")
    fail(harness, "j", "memory_over_limit")
    fail(harness, "j", "store_error", lease=1)
    harness.turn()
    begin(harness, "j", 2)
    fail(harness, "j", "store_error", lease=2)
    harness.turn()
    assert harness.row("j").state == "delayed"
    harness.order(wire.Cancel("web", "c", "j"))
    harness.turn()
    harness.now += 4.0
    assert leases_in(harness.turn(tick=True), wire.Assign) == []
    assert harness.row("j").state == "cancelled"


def test_a_running_job_is_abandoned_until_its_worker_answers() -> None:
    harness = harness_with("j")
    begin(harness, "j")
    harness.order(wire.Cancel("web", "c", "j"))
    assert leases_in(harness.turn(), wire.Abandon) == [(A, "j", 1)]
    assert (harness.row("j").state, harness.outcome("j").cancel_requested) == ("running", True)
    harness.now += 1.0
    assert leases_in(harness.turn(tick=True), wire.Abandon) == [(A, "j", 1)]
    harness.receive(A, finish("j"))
    harness.turn()
    assert (harness.row("j").state, harness.outcome("j").renditions) == ("cancelled", [])
    assert harness.dispatcher.books.sweeps.entries["j"].names == ("processed/j/j.thumb",)


@pytest.mark.parametrize("begun", [False, True])
@pytest.mark.parametrize("code", ["store_error", "memory_over_limit", "decoder_crashed", "decoder_lost", "its worker"])
def test_a_cancelled_job_that_fails_or_is_lost_does_not_come_again(code: str, begun: bool) -> None:
    harness = harness_with("j", workers=2)
    if begun:
        begin(harness, "j")
    harness.order(wire.Cancel("web", "c", "j"))
    harness.turn()
    if code == "its worker":
        harness.lose(A)
    else:
        fail(harness, "j", code)
    assert leases_in(harness.turn(tick=True), wire.Assign) == []
    assert (harness.row("j").state, harness.row("j").code) == ("cancelled", "cancelled")


def test_what_was_shown_before_a_cancel_is_not_swept_after_it() -> None:
    harness = harness_with("j")
    shown = wire.Publication("j", 1, picture("j"))
    harness.receive(A, wire.Published([shown]))
    harness.order(wire.Cancel("web", "c", "j"))
    harness.turn()
    harness.receive(A, wire.Published([shown, wire.Publication("j", 1, picture("j", "large"))]))
    harness.turn()
    assert harness.outcome("j").renditions == [picture("j")]
    assert harness.dispatcher.books.sweeps.entries["j"].names == ("processed/j/j.large",)


def test_an_ended_job_is_not_cancelled_and_a_repeated_cancel_is_no_change() -> None:
    harness = harness_with("j1", "j2")
    harness.receive(A, finish("j1"))
    harness.turn()
    harness.order(wire.Cancel("web", "c", "j1"))
    assert harness.turn().acks == [wire.Ack("c", wire.REFUSED, ["j1"], "job_ended")]
    harness.order(wire.Cancel("web", "c", "j2"))
    harness.turn()
    harness.order(wire.Cancel("web", "c", "j2"))
    done = harness.turn()
    assert (done.committed, done.acks) == (False, [wire.Ack("c", wire.COMMITTED, ["j2"])])


def test_nothing_is_given_out_while_very_many_jobs_wait_out_a_failure(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(matching, "DELAYED_MAX", 2)
    harness = harness_with("j1", "j2", "j3", "j4")
    for job in ("j1", "j2"):
        fail(harness, job, "store_error")
        given = leases_in(harness.turn(), wire.Assign)
    assert given == [], "all that fail are in memory"
    assert (harness.row("j2").state, harness.row("j3").state) == ("delayed", "queued")
    harness.now = harness.dispatcher.books.backlog.next_due or 0.0
    assert len(leases_in(harness.turn(tick=True), wire.Assign)) == 1, "one of them is due, and there is room"


def test_pause_holds_dispatch_over_a_restart_without_turning_in_circles() -> None:
    harness = harness_with("j1", "j2", capacity=2)
    harness.receive(B, ready("b"))
    harness.order(wire.Pause("web", "p"))
    harness.turn()
    harness.submit(new_job("j3"))
    assert leases_in(harness.turn(), wire.Assign) == []
    harness.now += 0.2
    assert leases_in(harness.turn(tick=True), wire.Recall) == []
    assert harness.dispatcher.deadline > harness.now
    harness.start()
    harness.receive(B, ready("b"))
    assert leases_in(harness.turn(), wire.Assign) == []
    harness.order(wire.Resume("web", "p"))
    assert leases_in(harness.turn(), wire.Assign) == [(B, "j3", 1)]


def test_a_draining_worker_gets_no_more_and_is_told_once() -> None:
    harness = harness_with()
    for count in (1, 0):
        harness.order(wire.DrainWorker("web", "d", "a"))
        done = harness.turn()
        assert [message for _, message in done.sends] == [wire.Drain()] * count
        assert done.acks == [wire.Ack("d", wire.COMMITTED)]
    harness.submit(new_job("j"))
    assert leases_in(harness.turn(), wire.Assign) == []
    harness.order(wire.DrainWorker("web", "d", "nobody"))
    assert harness.turn().acks == [wire.Ack("d", wire.REFUSED, code="not_found")]


def test_silence_is_judged_in_tick_alone() -> None:
    harness = harness_with("j")
    for harness.now in (2.0, 4.0):
        harness.turn(tick=True)
    harness.now = 6.0
    harness.submit(new_job("k"))
    harness.turn()
    assert harness.row("j").state == "running"
    harness.turn(tick=True)
    assert (harness.row("j").state, harness.dispatcher.peers()) == ("queued", [])


def test_a_broker_that_stood_still_judges_nobody_by_that_time() -> None:
    """Its sockets stood still as well (SIGSTOP, a suspended machine): the mail comes a moment later."""
    harness = harness_with("j")
    harness.now = 60.0
    harness.turn(tick=True)
    assert harness.row("j").state == "running"
    for harness.now in (62.0, 64.0):
        harness.turn(tick=True)
    assert harness.row("j").state == "running"
    harness.now = 66.0
    harness.turn(tick=True)
    assert harness.row("j").state == "queued"


def test_a_broker_that_stood_still_after_its_start_waits_for_holders_again() -> None:
    harness = harness_with("j")
    harness.start()
    harness.turn(tick=True)
    harness.now += 60.0
    harness.turn(tick=True)
    harness.receive(A, ready("a", 1, (Held("j", 1, True),)))
    harness.turn(tick=True)
    assert (harness.row("j").state, harness.row("j").lease) == ("running", 1)


def test_after_a_restart_a_holder_that_comes_back_keeps_its_lease() -> None:
    harness = harness_with("j1", "j2", workers=2)
    harness.start()
    harness.receive(A, ready("a", 1, (Held("j1", 1, True),)))
    harness.turn()
    assert (harness.row("j1").state, harness.row("j1").lease, harness.row("j1").attempts) == ("running", 1, 1)
    harness.now += 1.9
    harness.turn(tick=True)
    assert harness.row("j2").state == "running"
    harness.now += 0.2
    harness.turn(tick=True)
    assert (harness.row("j2").state, harness.row("j2").attempts) == ("queued", 0)
    harness.receive(B, ready("b", 2, (Held("j2", 1, True),)))
    done = harness.turn()
    assert leases_in(done, wire.Settled) == [(B, "j2", 1)]
    assert leases_in(done, wire.Assign) == [(B, "j2", 2)]


def test_after_a_restart_what_its_holder_never_got_is_assigned_at_once() -> None:
    harness = harness_with("j1", "j2", workers=2)
    harness.start()
    harness.receive(A, ready("a"))
    assert leases_in(harness.turn(), wire.Assign) == [(A, "j1", 2)]
    assert (harness.row("j1").attempts, harness.row("j2").lease) == (0, 1)


def test_another_worker_than_the_holder_adopts_nothing() -> None:
    harness = harness_with("j")
    harness.start()
    harness.receive(B, ready("b", 1, (Held("j", 1, True),)))
    assert leases_in(harness.turn(), wire.Settled) == [(B, "j", 1)]
    assert harness.row("j").attempts == 0


def test_a_worker_that_still_names_an_old_lease_has_forgotten_the_new_one() -> None:
    harness = harness_with("j")
    harness.lose(A)
    harness.receive(b"a2", ready("a"))
    assert leases_in(harness.turn(), wire.Assign) == [(b"a2", "j", 2)]
    harness.receive(b"a3", ready("a", 1, (Held("j", 1, False),)))
    done = harness.turn()
    assert leases_in(done, wire.Settled) == [(b"a3", "j", 1)]
    assert leases_in(done, wire.Assign) == [(b"a3", "j", 3)]


@pytest.mark.parametrize(("code", "state"), [("memory_over_limit", "failed"), ("decoder_crashed", "dead")])
def test_a_decoder_that_dies_of_the_job_is_tried_once_more_alone(code: str, state: str) -> None:
    harness = harness_with("j", "k", capacity=2)
    begin(harness, "j")
    fail(harness, "j", code)
    harness.turn()
    assert harness.row("j").state == "queued"
    harness.submit(new_job("l"))
    harness.receive(A, finish("k"))
    done = harness.turn()
    memory = (1 << 30) * (2 if code == "memory_over_limit" else 1)
    assert (A, wire.Assign([wire.Assignment("j", 2, 60.0, memory, True, b"spec")])) in done.sends
    assert harness.row("l").state == "queued"
    begin(harness, "j", 2)
    fail(harness, "j", code, lease=2)
    harness.turn()
    assert (harness.row("j").state, harness.row("j").code, harness.row("j").attempts) == (state, code, 2)
    assert (b"j" in harness.dispatcher.books.quarantine.entries) == (code == "decoder_crashed")


def quarantined() -> DispatcherHarness:
    harness = harness_with("j")
    for lease in (1, 2):
        begin(harness, "j", lease)
        fail(harness, "j", "decoder_crashed", lease)
        harness.turn()
    harness.start()
    harness.receive(A, ready("a"))
    harness.turn()
    return harness


def test_quarantined_content_fails_untried_and_a_requeue_lifts_it() -> None:
    harness = quarantined()
    harness.submit(new_job("again", content=b"j"))
    harness.turn()
    row = harness.row("again")
    assert (row.state, row.code, row.attempts, row.lease) == ("failed", "quarantined", 0, 0)
    harness.order(wire.Requeue("web", "q", "j"))
    assert leases_in(harness.turn(), wire.Assign) == [(A, "j", 3)]
    assert (harness.row("j").attempts, harness.row("j").code, harness.outcome("j").crashes) == (0, None, 0)
    harness.submit(new_job("third", content=b"j"))
    harness.turn()
    assert harness.row("third").state == "queued"
    assert harness.ledger.restore().quarantine == []


@pytest.mark.parametrize(
    ("engines", "state"),
    [(("engine",), "failed"), (("engine", "engine"), "failed"), (("new",), "running"), (("new", "engine"), "running")],
)
def test_a_new_engine_lifts_a_quarantine(engines: tuple[str, ...], state: str) -> None:
    """The Pillow that crashed is replaced: the same upload is tried."""
    harness = quarantined()
    harness.lose(A)
    for peer, engine in zip((A, B), engines, strict=False):
        harness.receive(peer, ready(peer.decode(), engine=engine))
    harness.turn()
    harness.submit(new_job("again", content=b"j"))
    harness.turn()
    assert harness.row("again").state == state
    harness.start()
    harness.receive(A, ready("a", engine="engine", holding=(Held("again", 1, False),)))
    harness.turn()
    harness.submit(new_job("back", content=b"j"))
    harness.turn()
    assert harness.row("back").state == "failed", "the one that it killed is there again"


def test_where_no_worker_is_nothing_is_judged_by_an_engine() -> None:
    harness = quarantined()
    harness.lose(A)
    harness.turn()
    harness.submit(new_job("again", content=b"j"))
    harness.turn()
    assert harness.row("again").state == "queued"


def test_a_quarantine_lifted_and_set_again_in_one_turn_outlives_a_restart() -> None:
    harness = harness_with(workers=2)
    harness.submit(new_job("j1", content=b"c"), new_job("j2", content=b"c"))
    harness.turn()
    (first,) = harness.dispatcher.books.roster.by_incarnation["a"].leases
    for lease in (1, 2):
        crash(harness, first, lease, A)
        harness.turn()
    (second,) = harness.dispatcher.books.roster.by_incarnation["b"].leases
    crash(harness, second, 1, B)
    harness.turn()
    harness.order(wire.Requeue("web", "q", first))
    holder = A if second in harness.dispatcher.books.roster.by_incarnation["a"].leases else B
    crash(harness, second, 2, holder)
    harness.turn()
    assert list(harness.dispatcher.books.quarantine.entries) == [b"c"]
    assert [entry.content for entry in harness.ledger.restore().quarantine] == [b"c"]


def crash(harness: DispatcherHarness, job: str, lease: int, peer: bytes) -> None:
    begin(harness, job, lease, peer)
    fail(harness, job, "decoder_crashed", lease, peer)


def test_a_quarantine_ends_with_its_time() -> None:
    harness = harness_with("j", silence_seconds=1e9)
    for lease in (1, 2):
        begin(harness, "j", lease)
        fail(harness, "j", "decoder_crashed", lease)
        harness.turn()
    for since, entries in ((QUARANTINE_SECONDS - 60.0, 1), (QUARANTINE_SECONDS + 60.0, 0)):
        harness.now = since
        harness.turn(tick=True)
        assert len(harness.dispatcher.books.quarantine.entries) == len(harness.ledger.restore().quarantine) == entries


def test_a_clock_that_is_put_far_forward_ends_no_quarantine_for_an_hour() -> None:
    harness = quarantined()
    harness.dispatcher.handle(ClockRead(OFFSET + 2 * QUARANTINE_SECONDS), harness.now)
    harness.now += TRUST_SECONDS - 10.0
    harness.turn(tick=True)
    assert len(harness.ledger.restore().quarantine) == 1
    harness.now += 20.0
    harness.turn(tick=True)
    assert harness.ledger.restore().quarantine == []


def test_of_very_many_in_quarantine_the_oldest_goes(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(quarantine, "QUARANTINE_MAX", 3)
    harness = harness_with(*(f"j{number}" for number in range(5)), capacity=5)
    while (
        running := [entry for entry in harness.dispatcher.books.entries.values() if entry.holder]
    ) and harness.now < 100:
        for entry in running:
            begin(harness, entry.id, entry.lease)
            fail(harness, entry.id, "decoder_crashed", entry.lease)
        harness.turn()
    assert [entry.content for entry in harness.ledger.restore().quarantine] == list(
        harness.dispatcher.books.quarantine.entries
    )
    assert len(harness.dispatcher.books.quarantine.entries) == 3


def test_a_done_job_is_not_requeued() -> None:
    harness = harness_with("j")
    harness.receive(A, finish("j"))
    harness.turn()
    harness.order(wire.Requeue("web", "q", "j"))
    assert harness.turn().acks == [wire.Ack("q", wire.REFUSED, ["j"], "not_requeueable")]


def test_an_ack_tells_the_places_of_what_is_new_and_queued_and_of_nothing_else() -> None:
    harness = quarantined()
    harness.submit(new_job("a"), new_job("b"))
    first = harness.turn().acks[0]
    assert [harness.row(job).seq for job in "ab"] == [first.seq, first.seq + 1]
    assert {harness.row(job).accepted_at for job in "ab"} == {first.accepted_at}
    harness.submit(new_job("a"), new_job("b"), request="again")
    harness.submit(new_job("c"), new_job("bad", content=b"j"), request="one of them fails untried")
    for ack in harness.turn().acks:
        assert (ack.outcome, ack.seq, ack.accepted_at) == (wire.COMMITTED, 0, 0.0)


def test_a_key_names_its_job_from_the_turn_of_its_acceptance() -> None:
    harness = harness_with()
    keyed = {"key": b"k", "fingerprint": b"f"}
    harness.submit(new_job("j1", **keyed))
    harness.submit(new_job("j2", **keyed), request="same turn")
    first = harness.turn()
    harness.submit(new_job("j3", **keyed), request="later")
    harness.submit(new_job("j4", key=b"k", fingerprint=b"other"), request="other")
    assert [*first.acks, *harness.turn().acks] == [
        wire.Ack("r", wire.COMMITTED, ["j1"], seq=1, accepted_at=harness.row("j1").accepted_at),
        wire.Ack("same turn", wire.KNOWN, ["j1"]),
        wire.Ack("later", wire.KNOWN, ["j1"]),
        wire.Ack("other", wire.CONFLICT),
    ]
    assert len(harness.ledger.rows) == 1


def test_a_repeated_submit_is_committed_whatever_else_holds() -> None:
    harness = harness_with("j", "k", workers=0, queued_max=2)
    harness.submit(new_job("j"), new_job("k"), age=1e6)
    done = harness.turn()
    assert (done.committed, done.acks) == (False, [wire.Ack("r", wire.COMMITTED, ["j", "k"])])


def test_a_full_queue_and_an_old_submit_are_refused_whole() -> None:
    harness = harness_with("j", workers=0, queued_max=2)
    harness.submit(new_job("k"), new_job("l"))
    harness.submit(new_job("m"), age=43_300.0)
    done = harness.turn()
    assert [ack.code for ack in done.acks] == ["queue_full", "broker_silent"]
    assert not done.committed


def test_a_job_in_back_off_fills_the_queue_as_well() -> None:
    harness = harness_with("j", "k", queued_max=2)
    begin(harness, "j")
    fail(harness, "j", "store_error")
    harness.turn()
    assert (harness.row("j").state, harness.row("k").state) == ("delayed", "running")
    harness.submit(new_job("l"))
    assert harness.turn().acks[0].outcome == wire.COMMITTED
    harness.submit(new_job("m"))
    assert harness.turn().acks[0].code == "queue_full"


def test_a_lane_whose_last_jobs_left_unseen_is_forgotten() -> None:
    harness = harness_with("j", "k", workers=0, window=1)
    harness.start()
    harness.order(wire.Cancel("web", "c", None, Where()))
    harness.turn()
    harness.submit(new_job("l"))
    harness.receive(A, ready("a"))
    assert leases_in(harness.turn(), wire.Assign) == [(A, "l", 1)]


@pytest.mark.parametrize("count", [6, 7])
def test_a_backlog_larger_than_the_window_is_served_in_order(count: int) -> None:
    harness = DispatcherHarness(window=3)
    names = [f"j{n}" for n in range(count)]
    harness.submit(*map(new_job, names))
    harness.turn()
    assert len(harness.dispatcher.books.entries) <= 3
    harness.receive(A, ready("a"))
    served = leases_in(harness.turn(), wire.Assign)
    while len(served) < count:
        harness.receive(A, finish(served[-1][1]))
        served += leases_in(harness.turn(), wire.Assign)
    harness.receive(A, finish(served[-1][1]))
    harness.turn()
    assert [job for _, job, _ in served] == names
    assert harness.ledger.meta.counts["done"] == count
    harness.dispatcher.check()


def test_priorities_are_strict_in_a_tenant_and_tenants_and_sizes_take_turns() -> None:
    harness = harness_with()
    harness.order(wire.Pause("web", "p"))
    harness.submit(new_job("low", priority=2), new_job("t1"), new_job("t2"), new_job("u1", tenant="u"))
    harness.submit(new_job("big", cost_ms=LARGE_MS), new_job("high", priority=0))
    harness.order(wire.Resume("web", "p"))
    served = leases_in(harness.turn(), wire.Assign)
    for _ in range(5):
        harness.receive(A, finish(served[-1][1]))
        served += leases_in(harness.turn(), wire.Assign)
    assert [job for _, job, _ in served] == ["high", "u1", "t1", "big", "t2", "low"]


def test_classes_share_the_time_and_what_is_not_asked_for_is_not_owed() -> None:
    harness = harness_with()

    def served(seconds: dict[str, float], count: int) -> list[str]:
        """What the one worker is given, where a job of each class takes so long."""
        found = []
        for _ in range(count):
            (job,) = harness.dispatcher.books.roster.by_peer[A].leases
            harness.now += seconds[job[0]]
            harness.receive(A, wire.WorkerBeat([]), finish(job))
            found += [job for _, job, _ in leases_in(harness.turn(tick=True), wire.Assign)]
        return found

    seconds = {"s": 0.5, "l": 2.0}
    harness.submit(new_job("s-first"), new_job("l-first", cost_ms=LARGE_MS))
    harness.turn()
    served(seconds, 2)
    harness.submit(*(new_job(f"l{number}", cost_ms=LARGE_MS) for number in range(9)))
    harness.turn()
    served(seconds, 4)
    harness.submit(*(new_job(f"s{number}") for number in range(9)))
    harness.turn()
    assert "".join(job[0] for job in served(seconds, 10)) == "sssslssssl"


def test_a_purged_job_is_swept_by_a_worker_and_then_forgotten() -> None:
    harness = harness_with("j")
    harness.order(wire.Purge("web", "p", "j"))
    assert harness.turn().acks == [wire.Ack("p", wire.REFUSED, ["j"], "job_not_ended")]
    harness.receive(A, finish("j"))
    harness.turn()
    harness.order(wire.Purge("web", "p", "j"))
    done = harness.turn()
    assert harness.ledger.job("j") is None
    assert harness.ledger.fates(["j"]) == {"j": PURGED}
    (sweep,) = [message for _, message in done.sends if isinstance(message, wire.Sweep)]
    assert sweep.sweeps == [("j", ["raw/j/j", "processed/j/j.thumb"])]
    harness.receive(B, ready("b"), wire.Swept(["j"]))
    harness.turn()
    assert [entry.job for entry in harness.ledger.restore().sweeps] == ["j"]
    harness.receive(A, wire.Swept(["j"]))
    harness.turn()
    assert harness.ledger.restore().sweeps == []


def test_what_ended_longer_ago_than_the_retention_goes_as_a_purge_takes_it() -> None:
    harness = harness_with("old", "waits", retention_seconds=10.0, silence_seconds=1e6)
    harness.receive(A, finish("old"))
    harness.turn()
    harness.now += 4.0
    harness.receive(A, Failed([Failure("waits", 1, "undecodable", "why")]))
    harness.turn()
    harness.now += 5.9
    harness.turn(tick=True)
    assert harness.ledger.fates(["old", "waits"]) == {"old": "done", "waits": "failed"}
    harness.now += 1.0
    done = harness.turn(tick=True)
    assert harness.ledger.fates(["old", "waits"]) == {"old": PURGED, "waits": "failed"}
    assert [message.sweeps for _, message in done.sends if isinstance(message, wire.Sweep)] == [
        [("old", ["raw/ld/old", "processed/ld/old.thumb"])]
    ]
    assert harness.ledger.meta.counts["done"] == 0


def test_a_beat_says_what_commits_rest_on_as_soon_as_that_changes() -> None:
    harness = DispatcherHarness()
    harness.turn(tick=True)
    assert [effects.beat.durability for effects in harness.last if effects.beat] == ["local"]
    harness.dispatcher.handle(DurabilityRead("asynchronous"), harness.now)
    harness.turn()
    assert [effects.beat.durability for effects in harness.last if effects.beat] == ["asynchronous"]


def test_a_clock_that_is_put_far_forward_makes_no_job_old_for_an_hour() -> None:
    harness = DispatcherHarness(retention_seconds=3600.0)
    harness.submit(*(new_job(f"{n:04}") for n in range(150)))
    harness.turn()
    harness.order(wire.Cancel("web", "c", None, Where()))
    harness.turn(tick=True)
    asked = Expire(OFFSET + harness.now, 100)
    harness.dispatcher.handle(ClockRead(OFFSET + 1e6), harness.now)
    harness.dispatcher.handle(Expired(asked, list(harness.ledger.rows.values())[:100]), harness.now)  # asked for before
    assert harness.dispatcher.trusted_at == harness.now + TRUST_SECONDS
    harness.now += TRUST_SECONDS - 2.0
    harness.turn(tick=True)
    assert len(harness.ledger.rows) == 50
    harness.dispatcher.handle(ClockRead(OFFSET), harness.now)
    harness.dispatcher.handle(ClockRead(OFFSET + STEP_SECONDS), harness.now)
    harness.now += 3.0
    harness.turn(tick=True)
    assert len(harness.ledger.rows) == 0


def test_nothing_goes_by_age_without_a_retention() -> None:
    harness = harness_with("j")
    harness.receive(A, finish("j"))
    harness.turn()
    harness.now += 1e9
    harness.turn(tick=True)
    assert harness.row("j").state == "done"


def test_a_delay_is_never_longer_than_the_longest_though_the_clock_went_back() -> None:
    harness = harness_with("j")
    for lease in (1, 2, 3):
        begin(harness, "j", lease)
        fail(harness, "j", "store_error", lease)
        harness.turn()
        harness.now += 120.0
        harness.turn(tick=True)
    fail(harness, "j", "store_error", 4)
    harness.turn()
    assert harness.row("j").state == "delayed"
    harness.dispatcher = Dispatcher(harness.policy)
    harness.dispatcher.restore(harness.ledger.restore(), harness.now, OFFSET - 1e6)
    harness.receive(A, ready("a"))
    harness.now += 61.0
    harness.turn(tick=True)
    assert harness.row("j").state == "running"


def wanted(harness: DispatcherHarness) -> int:
    """As the next beat says."""
    harness.now += 1.0
    harness.turn(tick=True)
    (beat,) = [effects.beat for effects in harness.last if effects.beat]
    return beat.workers_wanted


def test_what_waits_beyond_the_window_is_foretold_also_without_tenants() -> None:
    harness = harness_with(window=4)
    harness.submit(*(new_job(f"j{n}", tenant="") for n in range(21)))
    harness.turn()
    harness.now += 1.0
    harness.turn(tick=True)
    (beat,) = [effects.beat for effects in harness.last if effects.beat]
    assert beat.waiting is not None
    assert [view.queued for view in beat.waiting.lanes] == [20]


def test_workers_are_wanted_for_the_time_of_what_waits_not_for_the_longest_of_all() -> None:
    harness = harness_with(wanted_seconds=10.0)
    for job, seconds in ((new_job("large", cost_ms=LARGE_MS), 100.0), (new_job("small"), 0.98)):
        harness.submit(job)
        harness.turn()
        harness.now += seconds
        harness.receive(A, finish(job.id))
        harness.turn()
    harness.submit(*(new_job(f"s{n}") for n in range(40)))
    harness.turn()
    assert wanted(harness) == 4


def test_retention_goes_on_at_once_in_steps_but_no_faster_than_workers_sweep() -> None:
    harness = past_retention(1600)
    harness.receive(A, ready("a"))
    left = []
    for _ in range(12):
        harness.turn(tick=True)
        left.append(len(harness.ledger.rows))
    assert left == [*range(1500, 500, -100), 600, 600]
    harness.receive(A, wire.Swept(list(harness.dispatcher.books.sweeps.sweeping)))
    harness.turn(tick=True)
    assert len(harness.ledger.rows) == 500


@pytest.mark.parametrize("command", [wire.Requeue, wire.Purge])
def test_a_command_over_many_finds_nothing_where_the_retention_came_first(command: Any) -> None:
    harness = harness_with("j", retention_seconds=60.0)
    fail(harness, "j", "undecodable")
    harness.turn()
    harness.now += 60.0
    row = harness.row("j")
    harness.dispatcher.handle(Expired(Expire(OFFSET + harness.now, 1), [row]), harness.now)
    harness.dispatcher.handle(Matched(command("web", "m", None, Where()), [row], None), harness.now)
    (ack,) = harness.turn().acks
    assert (ack.matched, ack.changed) == (0, 0)
    harness.dispatcher.check()
    assert (harness.ledger.job("j"), harness.ledger.restore().meta.counts["failed"]) == (None, 0)


def test_a_command_over_many_counts_what_matched_and_what_changed() -> None:
    harness = harness_with(*(f"j{n}" for n in range(8)), window=3)
    cancel = wire.Cancel("web", "c", None, Where(state="queued"))
    rows = [harness.row(f"j{n}") for n in range(1, 8)]
    harness.dispatcher.handle(Matched(cancel, rows[:3], rows[2].seq), harness.now)
    step = wire.Ack("c", wire.COMMITTED, matched=3, changed=3, following=rows[2].seq)
    assert harness.turn().acks == [step]
    harness.order(cancel)
    assert harness.turn().acks[-1] == wire.Ack("c", wire.COMMITTED, matched=1, changed=1)
    assert harness.ledger.meta.counts["cancelled"] == 7


@pytest.mark.parametrize("command", [wire.Cancel, wire.Requeue, wire.Purge])
def test_a_command_over_many_counts_also_what_it_refuses(command: Any) -> None:
    harness = harness_with("ended", "waits")
    harness.receive(A, finish("ended"))
    harness.turn()
    harness.order(command("web", "m", None, Where()))
    (ack,) = harness.turn().acks
    assert (ack.matched, ack.changed) == (2, 0 if command is wire.Requeue else 1)


@pytest.mark.parametrize(("kept", "state"), [(False, "running"), (True, "done")])
def test_a_commit_that_fails_ends_the_broker_and_the_next_believes_the_ledger(kept: bool, state: str) -> None:
    harness = harness_with("j")
    harness.ledger.fail_next_commit(kept=kept)
    harness.receive(A, finish("j"))
    with pytest.raises(LedgerFailed):
        harness.turn()
    harness.start()
    assert harness.row("j").state == state
    harness.receive(A, ready("a", 1, (Held("j", 1, True),)))
    harness.turn()
    harness.receive(A, finish("j"))
    assert leases_in(harness.turn(), wire.Settled)[-1] == (A, "j", 1)
    assert harness.row("j").state == "done"


def test_a_broker_that_stops_settles_and_assigns_nothing() -> None:
    harness = harness_with("j", "k")
    harness.dispatcher.stop()
    harness.receive(A, finish("j"))
    done = harness.turn()
    assert leases_in(done, wire.Settled) == [(A, "j", 1)]
    assert leases_in(done, wire.Assign) == []


def test_what_a_dead_worker_held_comes_again_in_its_order() -> None:
    harness = harness_with("j1", "j2", capacity=2)
    begin(harness, "j1")
    harness.turn()
    harness.lose(A)
    harness.receive(B, ready("b", capacity=1))
    assert leases_in(harness.turn(), wire.Assign) == [(B, "j1", 2)]


def test_a_holder_that_comes_back_hears_of_the_cancel_at_once() -> None:
    harness = harness_with("j")
    harness.start()
    harness.order(wire.Cancel("web", "c", "j"))
    harness.turn(tick=True)
    harness.receive(A, ready("a", 1, (Held("j", 1, True),)))
    assert leases_in(harness.turn(), wire.Abandon) == [(A, "j", 1)]


def test_a_requeued_job_comes_last() -> None:
    harness = harness_with("j1", "j2", workers=0)
    harness.order(wire.Cancel("web", "c", "j1"))
    harness.turn()
    harness.order(wire.Requeue("web", "q", "j1"))
    harness.turn()
    assert harness.row("j1").position > harness.row("j2").position


def test_a_drain_that_a_broken_connection_lost_is_said_again() -> None:
    harness = harness_with("j")
    harness.order(wire.DrainWorker("web", "d", "a"))
    harness.turn()
    harness.receive(C, ready("a", 2, (Held("j", 1, True),)))
    assert wire.Drain() in [message for peer, message in harness.turn().sends if peer == C]
    harness.submit(new_job("k"))
    assert leases_in(harness.turn(), wire.Assign) == []


def test_blobs_added_to_a_sweep_under_way_are_offered_next() -> None:
    harness = harness_with("j")
    harness.receive(A, wire.Published([wire.Publication("j", 1, picture("j"))]))
    harness.order(wire.Cancel("web", "c", "j"))
    harness.turn()
    for name in ("large", "small"):
        harness.receive(A, wire.Published([wire.Publication("j", 1, picture("j", name))]))
        harness.turn()
    harness.receive(A, wire.Swept(["j"]))
    (sweep,) = [message for _, message in harness.turn().sends if isinstance(message, wire.Sweep)]
    assert sweep.sweeps == [("j", ["processed/j/j.small"])]
    harness.receive(A, wire.Swept(["j"]))
    harness.turn()
    assert harness.ledger.restore().sweeps == []


def test_a_sweep_that_a_worker_could_not_do_is_offered_again() -> None:
    harness = harness_with("j")
    harness.order(wire.Cancel("web", "c", "j"))
    harness.receive(A, finish("j"))
    offered = []
    for second in range(63):
        harness.now += 1.0
        harness.receive(A, wire.WorkerBeat([]))
        offered += [second for _, message in harness.turn(tick=True).sends if isinstance(message, wire.Sweep)]
    assert offered == [0, 60]


def test_the_beat_says_whose_cache_fails_until_it_answers() -> None:
    harness, seen = harness_with("j"), []
    for why in ("no connection", ""):
        harness.receive(A, wire.WorkerBeat([Held("j", 1, False)], why))
        seen += [worker.cache for worker in beat_of(harness).workers]
    assert seen == ["no connection", ""]


def test_a_store_that_fails_before_a_decoder_began_uses_attempts_up_with_backoff() -> None:
    harness = harness_with("j", attempts_max=2)
    fail(harness, "j", "store_error")
    harness.turn()
    assert harness.row("j").state == "delayed"
    harness.now += 60.0
    harness.receive(A, wire.WorkerBeat([]))
    harness.turn(tick=True)
    fail(harness, "j", "store_error", lease=2)
    harness.turn()
    assert (harness.row("j").state, harness.row("j").code, harness.row("j").attempts) == ("dead", "attempts_used_up", 0)


def test_a_requeue_drops_a_sweep_that_nobody_was_given() -> None:
    harness = harness_with("j")
    harness.order(wire.Cancel("web", "c", "j"))
    harness.receive(A, finish("j"))
    harness.lose(A)
    harness.turn()
    assert [entry.job for entry in harness.ledger.restore().sweeps] == ["j"]
    harness.order(wire.Requeue("web", "q", "j"))
    harness.turn()
    assert harness.ledger.restore().sweeps == []


def test_a_requeue_drops_a_sweep_of_the_same_turn() -> None:
    harness = harness_with("j")
    harness.order(wire.Cancel("web", "c", "j"))
    harness.turn()
    harness.receive(A, finish("j"))
    harness.order(wire.Requeue("web", "q", "j"))
    harness.turn()
    assert harness.row("j").state == "running"
    assert harness.ledger.restore().sweeps == []


@pytest.mark.parametrize("dies", [False, True])
def test_a_job_is_not_requeued_while_a_worker_deletes_what_it_would_make_again(dies: bool) -> None:
    harness = harness_with("j")
    harness.order(wire.Cancel("web", "c", "j"))
    harness.receive(A, finish("j"))
    assert [message for _, message in harness.turn().sends if isinstance(message, wire.Sweep)]
    harness.order(wire.Requeue("web", "q", "j"))
    assert [(ack.outcome, ack.code) for ack in harness.turn().acks] == [(wire.REFUSED, "broker_silent")]
    harness.receive(B, ready("b"))
    if dies:
        harness.order(wire.Pause("web", "p"))
        harness.lose(A)
        harness.order(wire.Requeue("web", "q", "j"))
        harness.order(wire.Resume("web", "p"))
    else:
        harness.receive(A, wire.Swept(["j"]))
        harness.turn()
        harness.order(wire.Requeue("web", "q", "j"))
    done = harness.turn()
    assert [ref[1:] for ref in leases_in(done, wire.Assign)] == [("j", 2)]
    assert not [message for _, message in done.sends if isinstance(message, wire.Sweep)]
    assert harness.ledger.restore().sweeps == []


def test_a_new_job_does_not_overtake_those_that_only_the_ledger_holds() -> None:
    harness = harness_with(window=4)
    harness.submit(*(new_job(f"j{n}") for n in range(6)))
    harness.turn()
    harness.submit(new_job("late"))
    harness.turn()
    served = ["j0"]
    for _ in range(6):
        harness.receive(A, finish(served[-1]))
        served += [job for _, job, _ in leases_in(harness.turn(), wire.Assign)]
    assert served == [*(f"j{n}" for n in range(6)), "late"]


def test_a_lost_job_that_a_refill_reads_again_waits_once() -> None:
    harness = harness_with("j1", "j2", grace_seconds=0.0)
    harness.start()
    harness.turn(tick=True)
    assert [entry.id for entry in harness.dispatcher.books.backlog.queued()] == ["j1", "j2"]


def test_a_job_whose_time_has_come_is_queued_in_the_ledger_too() -> None:
    harness = harness_with("j")
    fail(harness, "j", "store_error")
    harness.lose(A)
    harness.turn()
    harness.now += 60.0
    harness.turn(tick=True)
    assert harness.row("j").state == "queued"


def scans_sent(done: Done) -> list[tuple[bytes, wire.OrphanScan]]:
    """Steps of the orphan scan that were asked for."""
    return [(peer, message) for peer, message in done.sends if isinstance(message, wire.OrphanScan)]


def sweeps(harness: DispatcherHarness) -> dict[str, tuple[str, ...]]:
    return {entry.job: entry.names for entry in harness.ledger.restore().sweeps}


def test_the_scan_goes_step_by_step_and_once_in_orphan_seconds() -> None:
    harness = DispatcherHarness(orphan_seconds=50.0)
    harness.receive(A, ready("a"))
    first = wire.OrphanScan("", 50.0, 250)
    assert scans_sent(harness.turn(tick=True)) == [(A, first)]
    harness.find(A, [], following="raw/x")
    assert scans_sent(harness.turn(tick=True)) == []
    harness.now += 0.1
    assert scans_sent(harness.turn(tick=True)) == [(A, wire.OrphanScan("raw/x", 50.0, 250))]
    harness.find(A, [])
    asked = []
    while harness.now < 60.0:
        harness.now += 1.0
        harness.receive(A, wire.WorkerBeat([]))
        asked += [(harness.now, *send) for send in scans_sent(harness.turn(tick=True))]
        if asked:
            harness.find(A, [])
    assert [(peer, message) for _, peer, message in asked] == [(A, first)]
    assert 50.0 <= asked[0][0] <= 52.0


def test_in_a_bucket_that_may_be_anothers_nothing_is_scanned_and_the_beat_says_so() -> None:
    policy = policy_of(Settings(orphan_seconds=50.0), unclaimed="the store does not answer")
    harness = DispatcherHarness(orphan_seconds=policy.orphan_seconds, no_scan=policy.no_scan)
    harness.receive(A, ready("a"))
    asked = []
    for _ in range(200):
        harness.now += 1.0
        harness.receive(A, wire.WorkerBeat([]))
        asked += scans_sent(harness.turn(tick=True))
    assert asked == []
    assert harness.dispatcher.deadline < harness.now + 2.0, "all else goes on"
    (beat,) = [effects.beat for effects in harness.last if effects.beat is not None]
    assert beat.sweeps is not None
    assert "the store does not answer" in beat.sweeps.scan


def test_a_restart_walks_from_the_start() -> None:
    harness = harness_with()
    harness.find(A, [], following="raw/x")
    harness.turn()
    harness.start()
    harness.receive(A, ready("a"))
    assert [message.after for _, message in scans_sent(harness.turn(tick=True))] == [""]


def test_a_step_without_an_answer_is_asked_of_another() -> None:
    harness = harness_with(workers=2, silence_seconds=60.0)
    harness.lose(A)
    harness.turn()
    harness.now += 9.0
    assert scans_sent(harness.turn(tick=True)) == []
    harness.now += 1.0
    assert scans_sent(harness.turn(tick=True)) == [(B, wire.OrphanScan("", 86_400.0, 250))]
    harness.find(A, ["raw/j/j"])
    harness.find(B, ["raw/k/k"], after="other")
    harness.turn()
    assert sweeps(harness) == {}


def test_who_drains_or_is_not_known_walks_nothing() -> None:
    harness = DispatcherHarness()
    harness.receive(A, ready("a", draining=True))
    assert scans_sent(harness.turn(tick=True)) == []
    assert harness.dispatcher.deadline > harness.now
    harness.find(C, ["raw/j/j"])
    assert harness.turn().sends == [(C, wire.Introduce(1))]


def test_what_no_row_names_is_swept() -> None:
    harness = harness_with("done", "failed", "runs", capacity=3)
    harness.submit(new_job("waits"))
    harness.receive(A, finish("done"))
    fail(harness, "failed", "undecodable")
    harness.turn()
    names = [original_name(job) for job in ("done", "failed", "runs", "waits", "never")]
    names += [
        f"processed/{job[-2:]}/{job}.{rendition}"
        for job in ("done", "failed", "runs")
        for rendition in ("thumb", "late")
    ]
    harness.find(A, [*names, "raw/zz/nobodys", "raw/zz/no store's name"])
    harness.turn()
    assert sweeps(harness) == {
        "never": ("raw/er/never",),
        "done": ("processed/ne/done.late",),
        "failed": ("processed/ed/failed.thumb", "processed/ed/failed.late"),
        "nobodys": ("raw/zz/nobodys",),
    }


def test_an_original_is_no_orphan_while_its_submit_may_come() -> None:
    harness = harness_with(orphan_seconds=60.0)
    old, young = (mint(OFFSET + harness.now - age, b"0123456789") for age in (61.0, 59.0))
    harness.find(A, [original_name(old), original_name(young)])
    harness.turn()
    assert sweeps(harness) == {old: (original_name(old),)}


def test_the_scan_sees_what_this_turn_has_yet_to_write() -> None:
    harness = harness_with("j")
    fail(harness, "j", "undecodable")
    harness.turn()
    harness.order(wire.Requeue("web", "q", "j"))
    harness.submit(new_job("fresh"))
    harness.find(A, ["raw/sh/fresh", "processed/j/j.thumb"])
    harness.turn()
    assert sweeps(harness) == {}


def test_what_is_swept_already_is_not_swept_again() -> None:
    harness = harness_with("j")
    harness.receive(A, finish("j"))
    harness.turn()
    harness.order(wire.Purge("web", "p", "j"))
    harness.find(A, ["processed/j/j.late", "processed/j/j.thumb"])
    harness.turn()
    assert sweeps(harness) == {"j": ("raw/j/j", "processed/j/j.thumb", "processed/j/j.late")}
    harness.now += 90_000.0
    harness.receive(A, ready("a"))
    assert len(scans_sent(harness.turn(tick=True))) == 1
    commits = harness.ledger.commits
    harness.find(A, ["processed/j/j.late"])
    harness.turn()
    assert harness.ledger.commits == commits


def test_the_scan_waits_for_the_sweeps_of_what_it_found() -> None:
    harness = harness_with()
    harness.find(A, [f"raw/zz/{number}" for number in range(1001)], following="raw/zz/x")
    harness.turn()
    harness.now += 0.2
    assert scans_sent(harness.turn(tick=True)) == []
    harness.receive(A, wire.Swept([job for job, _ in harness.dispatcher.books.sweeps.sweeping.items()]))
    harness.turn()
    harness.now += 1.0
    assert [message.after for _, message in scans_sent(harness.turn(tick=True))] == ["raw/zz/x"]


def beat_of(harness: DispatcherHarness) -> wire.Beat:
    """What a beat says now."""
    harness.now += 2
    harness.turn(tick=True)
    beats = [effects.beat for effects in harness.last if effects.beat]
    assert beats
    return beats[-1]


def test_a_beat_counts_each_tenant_s_jobs_also_after_a_start() -> None:
    harness = harness_with(workers=1)
    harness.submit(new_job("u1", tenant="u"))
    harness.submit(new_job("t1"), new_job("t2"), request="s")
    harness.turn()
    harness.receive(A, finish("u1"))
    beat = beat_of(harness)
    shares = beat.tenants
    assert {name: share.counts for name, share in shares.items()} == {
        "t": {"queued": 1, "running": 1},
        "u": {"done": 1},
    }
    assert (shares["t"].accepted_per_minute, shares["t"].ended_per_minute) == (2.0, 0.0)
    assert (shares["u"].accepted_per_minute, shares["u"].ended_per_minute) == (1.0, 1.0)
    assert shares["u"].oldest_at is None
    assert shares["t"].oldest_at == beat.oldest_at == harness.row("t2").accepted_at
    assert [[job.tenant for job in worker.jobs] for worker in beat.workers] == [["t"]]
    harness.start()
    harness.order(wire.Purge("web", "p", "u1"))
    assert {name: share.counts for name, share in beat_of(harness).tenants.items()} == {"t": {"queued": 2}}


def test_while_mail_waits_all_is_done_that_is_due_but_nobody_is_taken_for_silent() -> None:
    """Under a flood no turn reads every socket empty."""
    harness = harness_with("delayed", workers=2, silence_seconds=5.0)
    fail(harness, "delayed", "store_error")
    harness.turn()
    due = harness.row("delayed").due_at
    assert due is not None
    beats = []
    while harness.now < 20.0:
        harness.now += 0.1
        harness.dispatcher.tick(harness.now, False)
        harness.turn()
        beats += [harness.now for effects in harness.last if effects.beat is not None]
        if harness.row("delayed").state == "running" and due:
            assert harness.now + OFFSET - due < 0.2
            due = 0.0
    assert due == 0.0
    assert max(later - earlier for earlier, later in itertools.pairwise(beats)) < 1.2
    assert len(harness.dispatcher.peers()) == 2
    harness.turn(tick=True)
    assert harness.dispatcher.peers() == []


def test_who_spoke_before_all_was_read_is_not_silent_after() -> None:
    harness = harness_with("j", workers=2)
    for _ in range(100):
        harness.now += 0.1
        harness.dispatcher.tick(harness.now, False)
        harness.receive(A, wire.WorkerBeat([Held("j", 1, False)]))
        harness.turn()
    harness.turn(tick=True)
    assert harness.dispatcher.peers() == [A]


def test_a_heavy_job_of_a_worker_that_says_ready_again_is_counted_once() -> None:
    harness = harness_with()
    harness.submit(new_job("j", cost_ms=5000.0), request="1")
    harness.turn()
    begin(harness, "j")
    harness.turn()
    harness.receive(A, ready("a", holding=(Held("j", 1, True),)))
    harness.turn()
    harness.dispatcher.check()
    harness.receive(A, finish("j"))
    harness.turn(tick=True)
    harness.submit(new_job("h", cost_ms=5000.0), request="2")
    harness.turn(tick=True)
    assert harness.row("h").state == "running"


def test_where_the_lane_above_is_found_empty_the_next_one_is_served() -> None:
    harness = harness_with(window=1)
    harness.order(wire.Pause("web", "p"))
    harness.turn()
    for number in range(3):
        harness.submit(new_job(f"h{number}", priority=0), request=f"h{number}")
        harness.turn()
    harness.submit(new_job("n", priority=1), request="n")
    harness.turn()
    for number in (1, 2):
        harness.order(wire.Cancel("web", f"c{number}", f"h{number}"))
        harness.turn()
    harness.receive(B, ready("b"))
    harness.turn(tick=True)
    harness.order(wire.Resume("web", "q"))
    harness.turn()
    assert harness.row("n").state == "running"
    harness.dispatcher.check()


def test_hello_says_where_the_term_began_and_on_which_life_of_the_ledger() -> None:
    restored = msgspec.structs.replace(harness_with("a").ledger.restore(), history="A")
    started = Dispatcher(Policy())
    started.restore(restored, 0.0, OFFSET)
    assert restored.meta.change > 0
    assert started.hello() == wire.Hello(restored.meta.epoch, restored.meta.change, "A")


def test_a_beat_counts_the_different_secrets_of_web_hosts_that_uploaded_lately() -> None:
    harness = harness_with(workers=1)

    def heard(*secrets: str) -> int:
        for number, secret in enumerate(secrets):
            job = new_job(f"{harness.now}-{number}")
            harness.post(wire.Submit("web", job.id, harness.offset + harness.now, [job], None, secret))
        return beat_of(harness).secrets

    assert heard("") == 0
    assert heard("a", "a") == 1
    assert heard("b", "a") == 2
    harness.now += HEARD_SECONDS - 6
    assert heard("a") == 2
    harness.now += 4
    assert heard("a") == 1, "the other host was mended"
    assert heard(*map(str, range(100))) == HEARD_MAX
