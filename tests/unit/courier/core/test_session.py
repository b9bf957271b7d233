"""The courier's session as lists: facts in, effects out. What comes too late has no effect at all."""

from typing import Any

import pytest

from courier.core.events import CallEnded, Connected, Disconnected, DrainRequested, Effects, LeaveRequested, Received
from courier.core.session import CALLS_PER_HOST, GATHER_SECONDS, Session, host_of
from jobs import wire
from jobs.job import Code
from jobs.session.holder import SETTLE_SECONDS
from jobs.wire import Attempted, Deliver, Delivery, Failure, Fetch, LeaseRef, Recall, Settled, Source, SourceFetched

SILENCE, DRAIN, SLOTS = 5.0, 30.0, 6
DIGEST = "ab" * 32


def delivery(name: str, attempt: int = 1, host: str = "app.example") -> Delivery:
    return Delivery(name, attempt, f"https://{host}/hook", {"webhook-id": f"msg_{name}"}, b"{}")


def source(job: str, lease: int = 1, host: str = "cdn.example") -> Source:
    return Source(job, lease, f"https://{host}/a.png", 30.0, 1000)


def effects(
    *sends: Any, kill: tuple[LeaseRef, ...] = (), begin: tuple[Any, ...] = (), reconnect: bool = False,
    leave: bool = False,
) -> Effects:  # fmt: skip
    return Effects(list(kill), list(sends), list(begin), reconnect, leave)


NOTHING = effects()


class Bench:
    """A session on a clock of its own; every step is checked."""

    def __init__(self, *, welcome: bool = True) -> None:
        self.now = 100.0
        self.session = Session("inc", "host-1", 7, SLOTS, DRAIN, SILENCE, self.now)
        if welcome:
            self.after(Connected())
            self.after(Received(wire.Welcome(1, SILENCE)))

    def after(self, *facts: Any) -> Effects:
        for fact in facts:
            self.session.handle(fact, self.now)
            self.session.check()
        drained = self.session.drain()
        self.session.check()
        return drained

    def receive(self, *messages: Any) -> Effects:
        return self.after(*map(Received, messages))

    def ended(self, *results: Any) -> Effects:
        return self.after(*map(CallEnded, results))

    def tick(self, seconds: float) -> Effects:
        self.now += seconds
        self.session.tick(self.now)
        return self.after()


def test_it_introduces_itself_as_a_courier_that_takes_no_image() -> None:
    bench = Bench(welcome=False)
    (ready,) = bench.after(Connected()).sends
    assert ready == wire.Ready("inc", "host-1", 7, 0, "", [], False, wire.COURIER, SLOTS)


def test_a_delivery_begins_ends_and_is_forgotten_once_settled() -> None:
    bench = Bench()
    assert bench.receive(Deliver([delivery("d")])) == effects(begin=(delivery("d"),))
    result = Attempted("d", 1, 204, 0.1)
    assert bench.ended(result) == effects(wire.Delivered([result]))
    assert bench.receive(wire.Welcome(2, SILENCE)) == effects(wire.Delivered([result]))
    assert bench.receive(Settled([LeaseRef("d", 1)])) == NOTHING
    assert bench.receive(wire.Welcome(3, SILENCE)) == NOTHING


def test_the_first_answer_goes_at_once_and_those_behind_it_together() -> None:
    bench = Bench()
    bench.receive(Deliver([delivery(name) for name in "abcd"]))
    first, *others = (Attempted(name, 1, 204, 0.1) for name in "abcd")
    assert bench.ended(first) == effects(wire.Delivered([first]))
    assert bench.ended(others[0]) == NOTHING
    assert bench.ended(others[1]) == NOTHING
    assert bench.session.deadline == bench.now + GATHER_SECONDS
    assert bench.tick(GATHER_SECONDS) == effects(wire.Delivered(others[:2]))
    assert bench.session.deadline > bench.now + GATHER_SECONDS
    assert bench.ended(others[2]) == NOTHING
    assert others[2] in bench.after(DrainRequested()).sends[1].deliveries, "who leaves waits for no more"


def test_a_fetch_ends_well_or_badly() -> None:
    bench = Bench()
    assert bench.receive(Fetch([source("j"), source("k")])).begin == [source("j"), source("k")]
    fetched, failure = SourceFetched("j", 1, "png", 1, 1, 9, DIGEST), Failure("k", 1, "source_refused", "no", 7.0)
    assert bench.ended(fetched, failure) == effects(wire.Fetched([fetched]), wire.Failed([failure]))


def test_a_repeated_lease_is_the_same_and_another_number_takes_its_place() -> None:
    bench = Bench()
    bench.receive(Deliver([delivery("d", 1)]))
    assert bench.receive(Deliver([delivery("d", 1)])) == NOTHING
    assert bench.receive(Deliver([delivery("d", 2)])) == effects(kill=(LeaseRef("d", 1),), begin=(delivery("d", 2),))
    assert bench.ended(Attempted("d", 1, 200, 0.1)) == NOTHING


def test_so_many_calls_at_once_and_four_of_a_host() -> None:
    bench = Bench()
    slow = [delivery(f"s{number}", host="slow.example") for number in range(6)]
    others = [delivery(f"o{number}", host=f"o{number}.example") for number in range(3)]
    begun = bench.receive(Deliver([*slow, *others])).begin
    assert begun == [*slow[:CALLS_PER_HOST], *others[:2]]
    assert bench.ended(Attempted("o0", 1, 200, 0.1)).begin == [others[2]]
    assert bench.ended(Attempted("s1", 1, 200, 0.1)).begin == [slow[4]]


def test_a_recall_takes_what_has_not_begun() -> None:
    bench = Bench()
    slow = [delivery(f"s{number}") for number in range(CALLS_PER_HOST + 1)]
    bench.receive(Deliver(slow))
    refs = [LeaseRef(each.id, 1) for each in slow]
    assert bench.receive(Recall(refs)) == effects(wire.Returned([refs[-1]]))


def test_an_abandoned_call_ends_a_fetch_as_cancelled_and_a_delivery_as_given_back() -> None:
    bench = Bench()
    bench.receive(Deliver([delivery("d")]), Fetch([source("j")]))
    both = (LeaseRef("d", 1), LeaseRef("j", 1))
    cancelled = Failure("j", 1, Code.CANCELLED, "cancelled")
    said = bench.receive(wire.Abandon(list(both)))
    assert said == effects(wire.Failed([cancelled]), wire.Returned([both[0]]), kill=both)
    assert bench.receive(wire.Abandon(list(both))) == NOTHING
    assert bench.ended(Attempted("d", 1, 200, 0.1), SourceFetched("j", 1, "png", 1, 1, 9, DIGEST)) == NOTHING


def test_a_settled_call_that_runs_is_void() -> None:
    bench = Bench()
    bench.receive(Deliver([delivery("d")]))
    assert bench.receive(Settled([LeaseRef("d", 1)])) == effects(kill=(LeaseRef("d", 1),))
    assert bench.ended(Attempted("d", 1, 200, 0.1)) == NOTHING


def test_a_drain_gives_back_what_waits_finishes_what_runs_and_leaves() -> None:
    bench = Bench()
    calls = [delivery(f"s{number}") for number in range(CALLS_PER_HOST + 1)]
    bench.receive(Deliver(calls))
    waiting = LeaseRef(calls[-1].id, 1)
    assert bench.after(DrainRequested()) == effects(wire.Draining(), wire.Returned([waiting]))
    assert bench.receive(Deliver([delivery("late")])) == effects(wire.Returned([LeaseRef("late", 1)]))
    results = [Attempted(each.id, 1, 200, 0.1) for each in calls[:-1]]
    assert bench.ended(*results) == effects(wire.Delivered(results))
    settled = [LeaseRef(each.id, 1) for each in calls] + [LeaseRef("late", 1)]
    assert bench.receive(Settled(settled)) == effects(wire.Leaving(), leave=True)


def test_at_the_drain_s_end_calls_that_run_are_given_back() -> None:
    bench = Bench()
    bench.receive(Deliver([delivery("d")]))
    bench.after(DrainRequested())
    seen: list[Any] = []
    for _ in range(int(DRAIN)):
        bench.receive(wire.BrokerBeat(1))
        seen += [bench.tick(1.0)]
    ended = [each for each in seen if each.kill]
    assert [each.kill for each in ended] == [[LeaseRef("d", 1)]]
    assert wire.Returned([LeaseRef("d", 1)]) in ended[0].sends
    assert bench.tick(SETTLE_SECONDS).leave


def test_who_is_asked_to_leave_gives_back_and_goes() -> None:
    bench = Bench()
    bench.receive(Deliver([delivery("d")]))
    left = bench.after(LeaveRequested())
    ref = LeaseRef("d", 1)
    assert left == effects(wire.Draining(), wire.Returned([ref]), wire.Leaving(), kill=(ref,), leave=True)


def test_beats_list_what_is_held_and_silence_opens_fresh_sockets() -> None:
    bench = Bench()
    bench.receive(Deliver([delivery("d")]))
    assert bench.tick(SILENCE / 5) == effects(wire.WorkerBeat([wire.Held("d", 1, False)]))
    assert bench.tick(SILENCE).reconnect


def test_a_broken_connection_keeps_the_answers_for_the_next_one() -> None:
    bench = Bench()
    bench.receive(Deliver([delivery("d")]))
    result = Attempted("d", 1, 0, 15.0, error="it gave no answer")
    assert bench.after(Disconnected(), CallEnded(result)) == NOTHING
    (ready,) = bench.after(Connected()).sends
    assert ready.holding == [wire.Held("d", 1, False)]
    assert bench.receive(wire.Welcome(2, SILENCE)) == effects(wire.Delivered([result]))


@pytest.mark.parametrize(
    "message",
    [wire.Assign([wire.Assignment("j", 1, 1.0, 1, False, b"")]), wire.Sweep([("j", ["raw/ab/j"])]),
     wire.OrphanScan("", 1.0, 1)],
)  # fmt: skip
def test_what_is_for_workers_of_images_is_ignored(message: Any) -> None:
    assert Bench().receive(message) == NOTHING


def test_of_more_leases_than_it_may_hold_a_ready_tells() -> None:
    bench = Bench()
    many = [delivery(f"d{number}", host=f"h{number}.example") for number in range(4 * SLOTS + 1)]
    (ready,) = bench.receive(Deliver(many)).sends
    assert len(ready.holding) == 4 * SLOTS


def test_a_text_that_is_no_address_has_no_host() -> None:
    assert host_of("https://[") == host_of("x") == ""
    assert host_of("s3://shop/in/a.png") == "shop"
