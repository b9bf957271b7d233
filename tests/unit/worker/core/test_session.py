"""The worker's session as lists: facts in, effects out. What comes too late has no effect at all."""

from typing import Any

import pytest

from jobs import wire
from jobs.job import Code, Cost, Rendition
from jobs.session.holder import SETTLE_SECONDS
from jobs.wire import Abandon, Assign, Assignment, Failure, Finish, Held, LeaseRef, Recall, Settled, Start
from worker.core.events import (
    CacheAnswered,
    CacheChanged,
    Connected,
    DecoderBegan,
    DecoderDone,
    DecoderFailed,
    DecoderFinished,
    DecoderGone,
    DecoderIdle,
    DecoderSeen,
    Disconnected,
    DrainRequested,
    Effects,
    LeaveRequested,
    NamesFound,
    OriginalDescribed,
    Received,
    RenditionLanded,
    SweepDone,
    SweepFailed,
    Sweeping,
    SweepLate,
)
from worker.core.outbox import END_SECONDS
from worker.core.session import AWAY_SECONDS_MAX, LONG_TURN_SECONDS, START_SECONDS, SWEEP_SHARE, Session

SILENCE, DRAIN, SECONDS = 5.0, 30.0, 60.0
UNTIL = 100.0 + SWEEP_SHARE * SILENCE
PICTURE = Rendition("thumb", "processed/ab/x.thumb.01234567.jpg", "jpeg", 10, 10, 100, "0" * 64)
COST = Cost(12.5, 1000)


def job(name: str, lease: int = 1, *, alone: bool = False, seconds: float = SECONDS) -> Assignment:
    return Assignment(name, lease, seconds, 1 << 30, alone, b"")


def effects(
    *sends: Any,
    kill: tuple[LeaseRef, ...] = (),
    begin: tuple[Assignment, ...] = (),
    sweep: tuple[Sweeping, ...] = (),
    scan: wire.OrphanScan | None = None,
    reconnect: bool = False,
    leave: bool = False,
) -> Effects:
    return Effects(list(kill), list(sends), list(sweep), list(begin), scan, reconnect, leave)


NOTHING = effects()


class Bench:
    """A session on a clock of its own; every step is checked."""

    def __init__(self, decoders: int = 1, *, welcome: bool = True) -> None:
        self.now = 100.0
        self.session = Session("inc", "host-1", 7, 2, "engine/1", DRAIN, SILENCE, self.now)
        if welcome:
            self.after(Connected(), Received(wire.Welcome(1, SILENCE)), *[DecoderIdle()] * decoders)
            self.after(Received(wire.Welcome(1, SILENCE)))

    def after(self, *events: Any) -> Effects:
        """The effects of these facts, all at the present time."""
        for event in events:
            self.session.handle(event, self.now)
            self.session.check()
        drained = self.session.drain()
        self.session.check()
        return drained

    def receive(self, *messages: Any) -> Effects:
        return self.after(*map(Received, messages))

    def pass_time(self, seconds: float, *, received: bool = True) -> Effects:
        """The effects of this much time, in which the broker was heard, but for beats."""
        self.now += seconds
        if received:
            self.session.handle(Received(wire.BrokerBeat(1)), self.now)
        self.session.tick(self.now)
        drained = self.session.drain()
        self.session.check()
        drained.sends[:] = [said for said in drained.sends if type(said) is not wire.WorkerBeat]
        return drained

    def running(self, assignment: Assignment) -> "Bench":
        """With this job begun by the decoder."""
        self.receive(Assign([assignment]))
        self.after(DecoderBegan(assignment.job, assignment.lease, 5.0))
        return self

    def answered(self, name: str = "a") -> "Bench":
        """With this job finished, not settled."""
        self.running(job(name))
        self.after(DecoderFinished(name, 1, [], COST), DecoderIdle())
        return self


def ready(*holding: Held, draining: bool = False) -> wire.Ready:
    return wire.Ready("inc", "host-1", 7, 2, "engine/1", list(holding), draining)


def returned(*names: str) -> wire.Returned:
    return wire.Returned([LeaseRef(name, 1) for name in names])


def settled(*names: str, lease: int = 1) -> Settled:
    return Settled([LeaseRef(name, lease) for name in names])


# -- the plain way


def test_introduces_itself_on_a_connection_and_says_nothing_before() -> None:
    bench = Bench(welcome=False)
    assert bench.after(DecoderIdle()) == NOTHING
    assert bench.after(Connected()) == effects(ready())
    assert bench.after(Received(wire.Welcome(3, SILENCE))) == NOTHING
    assert bench.session.epoch == 3


def test_a_job_from_assign_to_settled() -> None:
    bench = Bench()
    assert bench.receive(Assign([job("a")])) == effects(begin=(job("a"),))
    assert bench.after(DecoderBegan("a", 1, 5.0)) == effects(wire.Started([Start("a", 1, 5.0)]))
    bench.now += 2
    assert bench.after(RenditionLanded("a", 1, PICTURE)) == effects(wire.Published([wire.Publication("a", 1, PICTURE)]))
    times = wire.Times("jpeg", [0.1])
    finish = Finish("a", 1, [PICTURE], COST, began_at=5.0, times=times)
    assert bench.after(DecoderFinished("a", 1, [PICTURE], COST, None, times)) == effects(wire.Finished([finish]))
    assert bench.receive(settled("a")) == NOTHING
    assert bench.after(Connected()) == effects(ready())


def test_prefetched_jobs_begin_in_order_as_decoders_come_free() -> None:
    bench = Bench()
    assert bench.receive(Assign([job("a"), job("b"), job("c")])).begin == [job("a")]
    bench.after(DecoderBegan("a", 1, 5.0))
    assert bench.after(DecoderFinished("a", 1, [])).begin == []
    assert bench.after(DecoderIdle()).begin == [job("b")]


def test_a_turn_says_one_message_of_a_type_in_the_order_of_a_life() -> None:
    bench = Bench(decoders=2)
    bench.receive(Assign([job("a"), job("b"), job("c"), job("d")]))
    said = bench.after(
        DecoderBegan("a", 1, 5.0), DecoderBegan("b", 1, 5.0), RenditionLanded("a", 1, PICTURE),
        RenditionLanded("b", 1, PICTURE), DecoderFailed("b", 1, Code.UNDECODABLE, "why"),
        DecoderFinished("a", 1, [PICTURE]),
        Received(Recall([LeaseRef("c", 1), LeaseRef("d", 1)])), SweepDone("z"),
    ).sends  # fmt: skip
    assert [type(message) for message in said] == [
        wire.Started, wire.Published, wire.Finished, wire.Failed, wire.Returned, wire.Swept,
    ]  # fmt: skip
    assert said[0].jobs == [Start("b", 1, 5.0)], "what also finished in this turn is only said to have finished"
    assert said[1].renditions == [wire.Publication("b", 1, PICTURE)], "and its renditions come with that"
    assert said[3] == wire.Failed([Failure("b", 1, Code.UNDECODABLE, "why")])


def test_facts_go_out_before_renditions_and_with_the_end() -> None:
    bench = Bench()
    bench.receive(Assign([job("a")]))
    said = bench.after(DecoderBegan("a", 1, 5.0), OriginalDescribed("a", 1, b"facts"), RenditionLanded("a", 1, PICTURE))
    assert said.sends[1:] == [
        wire.Described([wire.Description("a", 1, b"facts")]), wire.Published([wire.Publication("a", 1, PICTURE)]),
    ]  # fmt: skip
    finish = Finish("a", 1, [PICTURE], COST, began_at=5.0, facts=b"facts")
    ended = bench.after(OriginalDescribed("a", 1, b"facts"), DecoderFinished("a", 1, [PICTURE], COST, facts=b"facts"))
    assert ended == effects(wire.Finished([finish])), "not beside it"
    assert bench.after(OriginalDescribed("a", 1, b"late")) == NOTHING


def test_an_answer_from_the_cache_has_no_start() -> None:
    bench = Bench()
    bench.receive(Assign([job("a")]))
    finish = Finish("a", 1, [PICTURE], None, True)
    assert bench.after(CacheAnswered("a", 1, [PICTURE])) == effects(wire.Finished([finish]))
    bench.after(DecoderIdle())
    bench.receive(Assign([job("b")]))
    told = Finish("b", 1, [], None, True, facts=b"facts")
    assert bench.after(CacheAnswered("b", 1, [], b"facts")) == effects(wire.Finished([told]))


def test_a_decoder_that_ended_idle_takes_no_job() -> None:
    bench = Bench()
    bench.after(DecoderGone())
    assert bench.receive(Assign([job("a")])).begin == []
    assert bench.after(DecoderIdle()).begin == [job("a")]


def test_an_alone_job_is_handed_over_as_such() -> None:
    assert Bench().receive(Assign([job("a", alone=True)])).begin == [job("a", alone=True)]


def test_sweeps_are_passed_on_and_reported() -> None:
    bench = Bench()
    assert bench.receive(wire.Sweep([("a", ["x", "y"])])) == effects(sweep=(Sweeping("a", ["x", "y"], UNTIL),))
    assert bench.after(SweepDone("a")) == effects(wire.Swept(["a"]))


def test_a_sweep_that_failed_is_reported_with_its_reason_beside_those_that_are_done() -> None:
    bench = Bench()
    bench.receive(wire.Sweep([("a", ["x"]), ("b", ["y"])]))
    assert bench.after(SweepFailed("a", "why"), SweepDone("b")) == effects(wire.Swept(["b"], [("a", "why")]))
    assert bench.after(SweepFailed("a", "again")) == effects(wire.Swept([], [("a", "again")]))


def test_a_sweep_read_after_a_stop_or_from_an_earlier_broker_deletes_nothing() -> None:
    """Others may have deleted since, and a requeued job made its blobs again."""
    bench, sweep = Bench(), wire.Sweep([("a", ["x"])])
    bench.now += SILENCE
    assert bench.receive(sweep) == effects(ready())
    assert bench.receive(wire.Welcome(1, SILENCE), sweep) == effects(ready()), "the welcome may be as old"
    bench.pass_time(0.0)
    until = bench.now + SWEEP_SHARE * SILENCE
    assert bench.receive(wire.Welcome(1, SILENCE), sweep) == effects(sweep=(Sweeping("a", ["x"], until),))
    assert bench.after(Disconnected(), Received(sweep)) == effects(ready())


def test_mail_is_old_that_came_while_the_keeper_waited_for_the_disk_and_beats_went_on() -> None:
    bench = Bench()
    for _ in range(8):
        bench.now += SILENCE / 5
        assert beat() in bench.session.meanwhile(bench.now)
    assert bench.receive(wire.Sweep([("a", ["x"])])) == effects(ready())


def test_a_sweep_that_came_too_late_is_offered_anew() -> None:
    bench = Bench()
    bench.receive(wire.Sweep([("a", ["x"]), ("b", ["y"])]))
    assert bench.after(SweepDone("a"), SweepLate("b")) == effects(ready())
    assert bench.receive(wire.Welcome(1, SILENCE)) == effects(wire.Swept(["a"]))


def beat(*holding: Held) -> wire.WorkerBeat:
    return wire.WorkerBeat(list(holding))


def test_a_job_that_was_made_in_time_is_not_overdue_however_long_the_disk_takes() -> None:
    bench = Bench().running(job("a", seconds=1.0))
    bench.after(DecoderDone("a", 1))
    assert bench.pass_time(100.0) == NOTHING
    finish = Finish("a", 1, [], COST, False, 5.0)
    assert bench.after(DecoderFinished("a", 1, [], COST)) == effects(wire.Finished([finish]))


@pytest.mark.parametrize(("spent", "counts"), [(LONG_TURN_SECONDS - 0.01, True), (LONG_TURN_SECONDS, False)])
def test_what_a_keeper_waited_for_the_disk_is_not_of_its_decoders_seconds(spent: float, counts: bool) -> None:
    bench = Bench().running(job("a", seconds=2.0))
    assert bench.pass_time(2.0 - spent) == NOTHING
    bench.session.turned(bench.now + spent)
    late = bench.pass_time(spent)
    assert [type(said) for said in late.sends] == ([wire.Failed] if counts else [])
    if not counts:
        assert bench.pass_time(spent - 0.01) == NOTHING
        assert bench.pass_time(0.02).kill == [LeaseRef("a", 1)], "but no more than that"


def test_a_job_that_began_in_a_long_turn_has_its_seconds_and_no_more() -> None:
    bench = Bench()
    bench.receive(Assign([job("a", seconds=2.0)]))
    bench.now += 10.0
    bench.after(DecoderBegan("a", 1, 5.0))
    bench.session.turned(bench.now)
    assert bench.pass_time(1.9) == NOTHING
    assert bench.pass_time(0.2).kill == [LeaseRef("a", 1)]


def test_who_speaks_for_a_keeper_that_waits_says_what_is_due_with_each_beat_and_nothing_between() -> None:
    bench = Bench().running(job("a"))
    bench.session.handle(RenditionLanded("a", 1, PICTURE), bench.now)
    assert bench.session.meanwhile(bench.session.beat_at - 0.001) == []
    due = bench.session.beat_at
    published = wire.Published([wire.Publication("a", 1, PICTURE)])
    assert bench.session.meanwhile(due) == [published, beat(Held("a", 1, True))]
    assert bench.session.meanwhile(due) == []
    assert bench.session.beat_at == due + SILENCE / 5


def test_nobody_speaks_for_a_keeper_that_is_not_welcome_or_takes_the_broker_for_silent() -> None:
    assert Bench(welcome=False).session.meanwhile(1e9) == []
    bench = Bench()
    bench.session.meanwhile(bench.now + 100 * SILENCE)
    assert not bench.session.drain().reconnect
    bench.after(Disconnected())
    assert bench.session.meanwhile(1e9) == []


def test_a_keeper_that_waits_for_good_loses_what_it_holds() -> None:
    bench = Bench().running(job("a", seconds=1000.0))
    bench.pass_time(0.0)
    until = bench.now + AWAY_SECONDS_MAX
    while bench.session.beat_at < until:
        assert bench.session.meanwhile(bench.session.beat_at) == [beat(Held("a", 1, True))]
    assert bench.session.meanwhile(until) == bench.session.meanwhile(until + 1e6) == []
    bench.now = until
    assert bench.pass_time(0.0) == NOTHING
    assert bench.session.meanwhile(bench.session.beat_at) == [beat(Held("a", 1, True))], "it came back"


def test_beats_go_on_while_nobody_would_receive_a_welcome() -> None:
    bench = Bench().running(job("a"))
    bench.session.handle(SweepLate("x"), bench.now)
    bench.session.handle(RenditionLanded("a", 1, PICTURE), bench.now)
    holding, only = Held("a", 1, True), [beat(Held("a", 1, True))]
    assert bench.session.meanwhile(bench.session.beat_at) == only
    assert bench.after() == effects(ready(holding)), "it is the keeper's, and is said once"
    assert bench.session.meanwhile(bench.session.beat_at) == bench.session.meanwhile(bench.session.beat_at) == only
    published = wire.Published([wire.Publication("a", 1, PICTURE)])
    assert bench.receive(wire.Welcome(1, SILENCE)) == effects(published)
    bench.after(Disconnected())
    assert bench.session.meanwhile(bench.session.beat_at) == []


def test_nothing_is_said_on_a_fresh_socket_before_a_ready() -> None:
    bench = Bench().running(job("a"))
    assert bench.pass_time(SILENCE, received=False).reconnect
    assert bench.session.meanwhile(bench.session.beat_at) == []
    bench.after(Connected())
    assert bench.session.meanwhile(bench.session.beat_at) == [beat(Held("a", 1, True))]


def busy(*jobs: Assignment) -> Bench:
    """It runs the first of these and holds the others."""
    bench = Bench()
    bench.receive(Assign(list(jobs)))
    return bench


def done(name: str) -> DecoderFinished:
    return DecoderFinished(name, 1, [PICTURE], COST, 7.0)


def finished(*names: str) -> wire.Finished:
    return wire.Finished([Finish(name, 1, [PICTURE], COST, ended_at=7.0) for name in names])


def test_an_end_waits_for_the_next_one_while_more_jobs_are_here_than_have_ended() -> None:
    bench = busy(job("a"), job("b"), job("c"), job("d"))
    assert bench.after(done("a"), DecoderIdle()) == effects(begin=(job("b"),))
    assert bench.after(done("b"), DecoderIdle()) == effects(finished("a", "b"), begin=(job("c"),))
    assert bench.after(done("c"), DecoderIdle()) == effects(finished("c"), begin=(job("d"),)), "one is left"


def test_an_end_waits_for_no_other_for_long() -> None:
    bench = busy(job("a"), job("b"), job("c"), job("d"))
    bench.after(done("a"), DecoderIdle())
    assert bench.pass_time(START_SECONDS) == NOTHING
    assert bench.session.deadline <= bench.now + END_SECONDS - START_SECONDS
    assert bench.pass_time(END_SECONDS - START_SECONDS) == effects(finished("a"))
    assert bench.session.deadline > bench.now, "nothing is due any more"
    assert bench.after(done("b"), DecoderIdle()).sends == [finished("b")], "what took long is told at once"


def test_a_second_end_does_not_begin_the_wait_anew() -> None:
    bench = busy(*(job(name) for name in "abcde"))
    bench.after(DecoderIdle(), DecoderIdle(), done("a"))
    bench.now += START_SECONDS / 2
    assert bench.after(done("b")) == NOTHING
    assert bench.pass_time(END_SECONDS - START_SECONDS / 2).sends == [finished("a", "b")]


def test_an_end_goes_with_whatever_else_is_said() -> None:
    for event, message in (
        (SweepDone("x"), wire.Swept(["x"])),
        (SweepFailed("x", "why"), wire.Swept([], [("x", "why")])),
        (RenditionLanded("b", 1, PICTURE), wire.Published([wire.Publication("b", 1, PICTURE)])),
        (DecoderFailed("b", 1, Code.UNDECODABLE, "no"), wire.Failed([Failure("b", 1, Code.UNDECODABLE, "no")])),
        (DrainRequested(), wire.Draining()),
    ):
        bench = busy(*(job(name) for name in "abcde"))
        assert bench.after(done("a"), DecoderIdle()).sends == []
        sends = bench.after(event).sends
        assert finished("a") in sends
        assert message in sends


def test_an_end_that_waits_outlives_the_connection() -> None:
    bench = busy(job("a"), job("b"), job("c"))
    bench.after(done("a"), DecoderIdle())
    assert bench.after(Disconnected()) == NOTHING
    assert bench.pass_time(END_SECONDS) == NOTHING
    assert bench.session.deadline > bench.now
    bench.after(Connected())
    assert bench.receive(wire.Welcome(2, SILENCE)).sends == [finished("a")]


def test_a_step_of_the_scan_is_passed_on_and_answered_once() -> None:
    bench = Bench()
    assert bench.receive(wire.OrphanScan("x", 60.0, 10)) == effects(scan=wire.OrphanScan("x", 60.0, 10))
    assert bench.after(NamesFound("x", ["y"], None)) == effects(wire.Found("x", ["y"], None))
    assert bench.receive() == NOTHING


# -- failures


def test_a_decoder_lost_before_it_began_is_a_failure_without_a_start() -> None:
    """The broker charges nothing then, and counts such losses."""
    bench = Bench()
    bench.receive(Assign([job("a")]))
    failure = Failure("a", 1, Code.DECODER_LOST, "gone")
    assert bench.after(DecoderFailed("a", 1, Code.DECODER_LOST, "gone")) == effects(wire.Failed([failure]))


def test_a_decoder_lost_after_it_began_is_a_failure() -> None:
    bench = Bench().running(job("a"))
    failure = Failure("a", 1, Code.DECODER_LOST, "gone")
    assert bench.after(DecoderFailed("a", 1, Code.DECODER_LOST, "gone")) == effects(wire.Failed([failure]))


def test_a_missing_original_is_a_failure_though_nothing_began() -> None:
    bench = Bench()
    bench.receive(Assign([job("a")]))
    said = bench.after(DecoderFailed("a", 1, Code.ORIGINAL_MISSING, "gone")).sends
    assert said == [wire.Failed([Failure("a", 1, Code.ORIGINAL_MISSING, "gone")])]


def test_the_deadline_counts_from_the_start_and_kills() -> None:
    bench = Bench()
    bench.receive(Assign([job("a", seconds=3.0)]))
    bench.pass_time(2.0)
    bench.after(DecoderBegan("a", 1, 5.0))
    assert bench.session.deadline <= bench.now + 3.0
    assert bench.pass_time(2.9) == NOTHING
    failure = Failure("a", 1, Code.DEADLINE_EXCEEDED, "not done within 3 s")
    assert bench.pass_time(0.1) == effects(wire.Failed([failure]), kill=(LeaseRef("a", 1),))


def test_a_deadline_tells_where_the_decoder_was_seen_last() -> None:
    bench = Bench()
    bench.receive(Assign([job("a", seconds=3.0)]))
    bench.after(DecoderBegan("a", 1, 5.0))
    assert bench.after(DecoderSeen("a", 2, "elsewhere")) == NOTHING
    assert bench.after(DecoderSeen("a", 1, "at decode")) == NOTHING
    assert bench.after(DecoderSeen("a", 1, "at rendition b")) == NOTHING
    failure = Failure("a", 1, Code.DEADLINE_EXCEEDED, "not done within 3 s, at rendition b")
    assert bench.pass_time(3.0) == effects(wire.Failed([failure]), kill=(LeaseRef("a", 1),))
    assert bench.after(DecoderSeen("a", 1, "at decode")) == NOTHING


def test_whether_a_decoder_began_is_looked_for_soon_and_then_again() -> None:
    bench = Bench()
    bench.receive(Assign([job("a", seconds=3.0)]))
    for _ in range(3):
        look_at = bench.session.deadline
        assert look_at == pytest.approx(bench.now + START_SECONDS)
        assert bench.pass_time(START_SECONDS) == NOTHING
    bench.after(DecoderBegan("a", 1, 5.0))
    assert bench.session.deadline > bench.now + START_SECONDS


def test_a_job_that_is_made_is_not_looked_for_any_more() -> None:
    bench = Bench()
    bench.receive(Assign([job("a")]))
    bench.after(DecoderDone("a", 1))
    assert bench.session.deadline > bench.now + START_SECONDS


def test_occupied_is_whose_decoder_works() -> None:
    bench = Bench()
    assert not bench.session.occupied
    bench.receive(Assign([job("a"), job("b")]))
    assert bench.session.occupied
    bench.after(DecoderFinished("a", 1, []))
    assert not bench.session.occupied, "its decoder is free, or comes again"
    bench.after(DecoderIdle())
    assert bench.session.occupied
    bench.after(Disconnected())
    assert not bench.session.occupied, "a Welcome is waited for"


def test_a_job_that_no_decoder_begins_in_its_time_is_given_back() -> None:
    bench = Bench()
    bench.receive(Assign([job("a", seconds=3.0)]))
    assert bench.pass_time(3.0) == effects(returned("a"), kill=(LeaseRef("a", 1),))


# -- recall, abandon, fencing


def test_recall_returns_what_waits_and_leaves_the_rest() -> None:
    bench = Bench()
    bench.receive(Assign([job("a"), job("b"), job("c")]))
    bench.after(DecoderBegan("a", 1, 5.0))
    everything = Recall([LeaseRef(name, 1) for name in ("a", "b", "unknown")] + [LeaseRef("c", 2)])
    assert bench.receive(everything) == effects(returned("b"))
    assert bench.receive(everything) == NOTHING
    bench.after(DecoderFinished("a", 1, []))
    assert bench.after(DecoderIdle()).begin == [job("c")]


def test_recall_of_a_job_that_is_with_the_decoder_says_nothing() -> None:
    bench = Bench()
    bench.receive(Assign([job("a")]))
    assert bench.receive(Recall([LeaseRef("a", 1)])) == NOTHING


def test_abandon_kills_what_runs_and_drops_what_waits() -> None:
    bench = Bench().running(job("a"))
    bench.receive(Assign([job("b")]))
    cancelled = wire.Failed([Failure(name, 1, Code.CANCELLED, "cancelled") for name in ("a", "b")])
    abandon = Abandon([LeaseRef("a", 1), LeaseRef("b", 1)])
    assert bench.receive(abandon) == effects(cancelled, kill=(LeaseRef("a", 1),))
    assert bench.receive(abandon) == NOTHING
    assert bench.receive(settled("a", "b")) == NOTHING


def test_what_a_killed_decoder_still_said_has_no_effect() -> None:
    bench = Bench().running(job("a"))
    bench.receive(Abandon([LeaseRef("a", 1)]))
    late = [
        DecoderBegan("a", 1, 5.0), RenditionLanded("a", 1, PICTURE), DecoderFinished("a", 1, []),
        CacheAnswered("a", 1, []), DecoderFailed("a", 1, Code.DECODER_LOST, "gone"),
    ]  # fmt: skip
    for event in late:
        assert bench.after(event) == NOTHING
    bench.receive(settled("a"))
    for event in late:
        assert bench.after(event) == NOTHING


def test_settled_before_the_answer_voids_the_lease() -> None:
    bench = Bench().running(job("a"))
    bench.receive(Assign([job("b")]))
    assert bench.receive(settled("a", "b")) == effects(kill=(LeaseRef("a", 1),))
    assert bench.after(DecoderFinished("a", 1, [])) == NOTHING
    assert bench.after(DecoderIdle()) == NOTHING
    assert bench.after(Connected()) == effects(ready())


def test_settled_under_another_number_has_no_effect() -> None:
    bench = Bench().answered()
    assert bench.receive(settled("a", lease=2), settled("unknown")) == NOTHING
    assert bench.after(Connected()).sends == [ready(Held("a", 1, True))]


def test_a_newer_lease_of_a_held_job_replaces_the_older() -> None:
    bench = Bench().running(job("a"))
    assert bench.receive(Assign([job("a", 2)])) == effects(kill=(LeaseRef("a", 1),))
    assert bench.after(DecoderFinished("a", 1, [])) == NOTHING
    assert bench.after(DecoderIdle()).begin == [job("a", 2)]
    late = DecoderBegan("a", 1, 5.0), RenditionLanded("a", 1, PICTURE), DecoderFinished("a", 1, [])
    assert bench.after(*late) == NOTHING, "the older lease's decoder speaks for no other"


def test_a_repeated_assign_has_no_effect() -> None:
    bench = Bench().running(job("a", 2))
    assert bench.receive(Assign([job("a", 2)])) == NOTHING
    assert bench.after(Connected()).sends == [ready(Held("a", 2, True))]


def test_a_lease_of_another_term_replaces_the_one_held_whatever_their_order() -> None:
    bench = Bench().running(job("a", 9))
    assert bench.receive(Assign([job("a", 2)])) == effects(kill=(LeaseRef("a", 9),))
    assert bench.after(DecoderIdle()).begin == [job("a", 2)]


# -- connections and epochs


def test_answers_are_repeated_after_every_welcome_until_settled() -> None:
    bench = Bench(decoders=2).answered("a")
    bench.receive(Assign([job("b"), job("c")]), Recall([LeaseRef("c", 1)]))
    for epoch in (2, 3):
        assert bench.after(Disconnected(), Connected()) == effects(
            ready(Held("a", 1, True), Held("b", 1, False), Held("c", 1, False))
        )
        finish = Finish("a", 1, [], COST, began_at=5.0)
        assert bench.receive(wire.Welcome(epoch, SILENCE)) == effects(wire.Finished([finish]), returned("c"))
    bench.receive(settled("a", "c"))
    bench.after(Connected())
    assert bench.receive(wire.Welcome(4, SILENCE)) == NOTHING


def test_what_happens_between_connections_is_said_once_welcome_again() -> None:
    bench = Bench()
    bench.after(Disconnected())
    bench.running(job("a"))
    assert bench.after(DecoderFinished("a", 1, [], COST)) == NOTHING
    assert bench.after(Connected()) == effects(ready(Held("a", 1, True)))
    said = bench.receive(wire.Welcome(2, SILENCE)).sends
    finish = Finish("a", 1, [], COST, began_at=5.0)
    assert said == [wire.Finished([finish])], "a Finish of its own says that a decoder began"


def test_a_broker_that_lost_track_is_told_again() -> None:
    bench = Bench().running(job("a"))
    assert bench.receive(wire.Introduce(1)) == effects(ready(Held("a", 1, True)))


def test_a_beat_of_an_earlier_epoch_is_old_mail() -> None:
    bench = Bench()
    bench.receive(wire.Welcome(7, SILENCE))
    assert bench.receive(wire.BrokerBeat(6)) == NOTHING
    assert bench.receive(wire.BrokerBeat(8)) == effects(ready())


def test_a_beat_of_another_epoch_is_answered_by_ready() -> None:
    bench = Bench()
    assert bench.receive(wire.BrokerBeat(1)) == NOTHING
    assert bench.receive(wire.BrokerBeat(2)) == effects(ready())


def test_beats_list_what_is_held() -> None:
    bench = Bench().running(job("a"))
    bench.receive(Assign([job("b")]))
    bench.now += SILENCE / 5
    assert bench.session.deadline == bench.now
    bench.session.tick(bench.now)
    assert bench.after() == effects(wire.WorkerBeat([Held("a", 1, True), Held("b", 1, False)]))
    bench.session.tick(bench.now)
    assert bench.after() == NOTHING


def test_a_beat_says_why_the_cache_fails_and_that_it_does_not() -> None:
    bench, said = Bench(), list[Any]()
    for why in ("", "no connection", "no connection", ""):
        bench.receive(wire.BrokerBeat(1))
        bench.now += SILENCE / 5
        bench.session.tick(bench.now)
        said += bench.after(CacheChanged(why)).sends
    assert said == [wire.WorkerBeat([], why) for why in ("", "no connection", "no connection", "")]


def test_a_silent_broker_is_left_for_a_fresh_socket_and_the_work_goes_on() -> None:
    bench = Bench().running(job("a"))
    assert bench.pass_time(SILENCE - 0.1, received=False) == NOTHING
    assert bench.pass_time(0.1, received=False) == effects(reconnect=True)
    assert bench.pass_time(SILENCE - 0.1, received=False) == NOTHING, "the fresh socket has as long"
    assert bench.after(DecoderFinished("a", 1, [])) == NOTHING
    assert bench.after(Connected()) == effects(ready(Held("a", 1, True)))
    assert bench.pass_time(SILENCE, received=False) == effects(reconnect=True)


def test_a_broker_that_beats_but_never_welcomes_is_silent() -> None:
    bench = Bench()
    bench.receive(wire.Introduce(1))
    bench.pass_time(SILENCE / 2)
    assert bench.pass_time(SILENCE / 2) == effects(reconnect=True)


def test_the_silence_of_the_welcome_counts() -> None:
    bench = Bench()
    bench.receive(wire.Welcome(1, 1.0))
    assert bench.pass_time(1.0, received=False).reconnect


# -- the end


@pytest.mark.parametrize("asked", [DrainRequested(), Received(wire.Drain())])
def test_drain_returns_what_waits_finishes_what_runs_and_leaves_once_settled(asked: Any) -> None:
    bench = Bench().running(job("a"))
    bench.receive(Assign([job("b")]))
    assert bench.after(asked) == effects(wire.Draining(), returned("b"))
    assert bench.after(asked) == NOTHING
    assert bench.receive(settled("b")) == NOTHING
    bench.after(DecoderFinished("a", 1, []), DecoderIdle())
    assert bench.receive(settled("a")) == effects(wire.Leaving(), leave=True)


def test_an_idle_worker_leaves_at_once() -> None:
    assert Bench().after(DrainRequested()) == effects(wire.Draining(), wire.Leaving(), leave=True)


def test_a_worker_that_never_met_a_broker_leaves_without_a_word() -> None:
    assert Bench(welcome=False).after(DrainRequested()) == effects(leave=True)


def test_a_draining_worker_gives_an_assign_back() -> None:
    bench = Bench().running(job("a"))
    bench.after(DrainRequested())
    assert bench.receive(Assign([job("b")])) == effects(returned("b"))


def test_a_draining_worker_waits_for_the_next_broker_to_settle() -> None:
    bench = Bench().answered()
    assert bench.after(Disconnected(), DrainRequested()) == NOTHING
    assert bench.after(Connected()) == effects(ready(Held("a", 1, True), draining=True))
    bench.receive(wire.Welcome(2, SILENCE))
    assert bench.receive(settled("a")) == effects(wire.Leaving(), leave=True)


def test_at_its_deadline_a_drain_kills_and_gives_back() -> None:
    bench = Bench().running(job("a"))
    bench.after(DrainRequested())
    for _ in range(10):
        assert bench.pass_time(DRAIN / 10 - 0.01) == NOTHING
    assert bench.pass_time(0.2) == effects(returned("a"), kill=(LeaseRef("a", 1),))
    assert bench.receive(settled("a")) == effects(wire.Leaving(), leave=True)


def test_a_drain_ends_though_no_broker_settles() -> None:
    bench = Bench().running(job("a", seconds=100.0))
    bench.after(DrainRequested(), Disconnected())
    assert bench.pass_time(DRAIN, received=False).kill == [LeaseRef("a", 1)]
    assert not bench.pass_time(SETTLE_SECONDS - 0.1, received=False).leave
    assert bench.session.deadline <= bench.now + 0.2
    assert bench.pass_time(0.1, received=False).leave


def test_leave_asked_gives_everything_back_at_once() -> None:
    bench = Bench().running(job("a"))
    bench.receive(Assign([job("b")]))
    assert bench.after(LeaveRequested()) == effects(
        wire.Draining(), returned("b", "a"), wire.Leaving(), kill=(LeaseRef("a", 1),), leave=True
    )


def test_leave_asked_during_a_drain() -> None:
    bench = Bench().running(job("a"))
    bench.after(DrainRequested())
    assert bench.after(LeaveRequested()) == effects(returned("a"), wire.Leaving(), kill=(LeaseRef("a", 1),), leave=True)


def test_check_tells_the_story_of_what_is_wrong() -> None:
    bench = Bench().running(job("a"))
    bench.session._leases.running.clear()
    with pytest.raises(AssertionError, match="a lease 1 is STARTED"):
        bench.session.check()


def test_a_broker_that_gives_without_end_is_told_what_is_held() -> None:
    bench = Bench()
    said = bench.receive(Assign([job(f"j{number}") for number in range(50)]))
    (introduced,) = [message for message in said.sends if isinstance(message, wire.Ready)]
    assert [held.job for held in introduced.holding] == [f"j{number}" for number in range(8)]
