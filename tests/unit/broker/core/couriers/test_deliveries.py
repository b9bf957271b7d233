"""Deliveries by example: a job ends, couriers carry, receivers answer or do not."""

import json
from typing import Any

import pytest

from broker.core.books.events import Replayed
from broker.core.couriers import deliveries as decided
from broker.core.couriers import lanes
from broker.core.couriers.deliveries import LOST, Sending
from jobs import wire
from jobs.deliveries import DeliveryWhere, Endpoint, seq_of
from jobs.job import Original, Rendition, Spec, encode
from jobs.leases import count_of
from jobs.webhooks.schedule import AT_ONCE, FAILURES_IN_A_ROW, PAUSE_SECONDS, PROBE_SECONDS_MAX, SCHEDULE
from jobs.wire import Attempted, Delivered, Finish, Finished, Held, LeaseRef, Returned
from tests.properties.harness import OFFSET, DispatcherHarness, Done, courier, leases_in, ready, told_job

A, C, D = b"a", b"c", b"d"
URL = "https://hooks.example/x?key=1"


def harness_with(couriers: int = 1, slots: int = 8, **policy: Any) -> DispatcherHarness:
    """A worker at `a`, couriers at `c` and `d`; the grace of a start is over."""
    harness = DispatcherHarness(**policy)
    harness.now += 10.0
    harness.receive(A, ready("a", 1000))
    for peer in (C, D)[:couriers]:
        harness.receive(peer, courier(peer.decode(), slots))
    harness.turn(tick=True)
    return harness


def end(harness: DispatcherHarness, *jobs: str, url: str | tuple[str, ...] = URL, **changed: Any) -> Done:
    """These jobs come and are done."""
    urls = (url,) if isinstance(url, str) else url
    harness.submit(*(told_job(job, **changed) for job in jobs), urls=urls)
    done = harness.turn()
    harness.receive(A, Finished([Finish(job, lease, []) for _, job, lease in leases_in(done, wire.Assign)]))
    return harness.turn()


def answer(
    harness: DispatcherHarness,
    sending: Sending,
    status: int,
    peer: bytes = C,
    after: float | None = None,
    why: str = "",
) -> Done:
    """The receiver of this attempt answers."""
    attempted = Attempted(sending.id, sending.attempt, status, 0.1, after, why, "said")
    harness.receive(peer, Delivered([attempted]))
    return harness.turn()


def later(harness: DispatcherHarness, seconds: float) -> Done:
    """Time passes, in which workers and couriers live."""
    harness.now += seconds
    for peer in (A, C, D):
        harness.receive(peer, wire.WorkerBeat([]))
    return harness.turn(tick=True)


def states(harness: DispatcherHarness) -> list[str]:
    return [row.state for row in harness.told()]


def test_a_job_without_hooks_writes_and_asks_nothing() -> None:
    harness = harness_with(couriers=0)
    harness.submit(told_job("j"))
    lease = leases_in(harness.turn(), wire.Assign)[0][2]
    harness.receive(A, Finished([Finish("j", lease, [])]))
    harness.turn()
    (effects,) = harness.last
    assert not (effects.records.deliveries or effects.bodies or effects.due or effects.sendings)
    assert harness.told() == []


def test_an_end_is_written_with_the_job_and_sent_when_it_is_committed() -> None:
    harness = harness_with()
    done = end(harness, "j", batch="b")
    first, *_ = harness.last
    (row,) = first.records.deliveries
    assert [job.id for job in first.records.jobs] == ["j"], "the same transaction"
    assert (row.job, row.batch, row.tenant, row.url, row.type) == ("j", "b", "t", URL, "job.done")
    assert first.sendings == [], "nothing leaves before the commit"
    sending, of_batch = done.sendings
    assert json.loads(of_batch.body)["type"] == "batch.ended"
    assert (sending.peer, sending.url, sending.body, sending.tenant) == (C, URL, row.body, "t")
    assert sending.at == pytest.approx(OFFSET + harness.now)
    data = json.loads(row.body)["data"]
    assert (data["id"], data["state"], data["change"]) == ("j", "done", harness.row("j").change)
    assert (data["metadata"], data["reference"], data["status_url"]) == ({"a": 1}, "ref", "http://pix/jobs/j")


@pytest.mark.parametrize("trace", [None, f"00-{'a' * 32}-{'b' * 16}-01 vendor=1"])
def test_an_end_is_told_in_the_trace_of_its_job_also_after_a_failure(trace: str | None) -> None:
    harness = harness_with()
    spec = Spec("a.jpg", None, None, None, "{}", Original("raw/ab/j", "jpeg", 1, 1, 1, "d" * 64), "t", trace=trace)
    (sending,) = end(harness, "j", spec=encode(spec)).sendings
    first, *_ = harness.last
    assert [row.trace for row in first.records.deliveries] == [trace]
    assert sending.trace == trace
    answer(harness, sending, 500)
    (again,) = later(harness, SCHEDULE[1] * 2).sendings
    assert again.trace == trace


def test_a_success_ends_it_and_settles_the_courier() -> None:
    harness = harness_with()
    (sending,) = end(harness, "j").sendings
    assert leases_in(answer(harness, sending, 204), wire.Settled) == [(C, sending.id, sending.attempt)]
    (row,) = harness.told()
    assert (row.state, row.status, row.attempts, row.due_at, row.answer) == ("delivered", 204, 1, None, "said")
    assert row.ended_at == pytest.approx(OFFSET + harness.now)
    assert not harness.dispatcher.books.deliveries.lanes.by_name
    assert later(harness, 86_400).sendings == []


@pytest.mark.parametrize("status", [0, 199, 301, 404, 500])
def test_a_failure_is_tried_again_by_the_schedule_until_it_is_used_up(status: int) -> None:
    harness = harness_with()
    (sending,) = end(harness, "j").sendings
    waits = []
    for _ in SCHEDULE[1:]:
        answer(harness, sending, status)
        (row,) = harness.told()
        assert row.state == "waiting"
        assert row.due_at is not None
        wait = row.due_at - OFFSET - harness.now
        waits.append(wait)
        assert later(harness, wait - 0.5).sendings == []
        (again,) = later(harness, 0.5).sendings
        assert (again.id, count_of(again.attempt)) == (sending.id, count_of(sending.attempt) + 1)
        sending = again
    for wait, step in zip(waits, SCHEDULE[1:], strict=True):
        assert step <= wait + 0.01 <= step * 1.1 + 0.02
    answer(harness, sending, status)
    (row,) = harness.told()
    assert (row.state, row.attempts, row.due_at) == ("failed", len(SCHEDULE), None)
    assert row.error


def test_410_stops_it() -> None:
    harness = harness_with()
    (sending,) = end(harness, "j").sendings
    answer(harness, sending, 410)
    assert states(harness) == ["stopped"]
    assert later(harness, 10_000).sendings == []


def test_retry_after_puts_it_off_and_rests_its_lane_for_a_while() -> None:
    harness = harness_with()
    (sending,) = end(harness, "j").sendings
    answer(harness, sending, 429, after=7200.0)
    (row,) = harness.told()
    assert row.due_at == pytest.approx(OFFSET + harness.now + 7200.0)
    assert end(harness, "k").sendings == []
    assert [each.id for each in later(harness, PROBE_SECONDS_MAX).sendings] == [harness.told()[1].id]
    answer(harness, sending, 429, after=1e9)
    assert harness.told()[0] == row, "an old answer"


def test_a_long_retry_after_is_bounded() -> None:
    harness = harness_with()
    (sending,) = end(harness, "j").sendings
    answer(harness, sending, 503, after=1e9)
    assert harness.told()[0].due_at == pytest.approx(OFFSET + harness.now + 86_400)


def test_one_host_gets_four_at_once_over_all_tenants_and_others_go_on() -> None:
    harness = harness_with(slots=100)
    done = end(harness, *(f"j{number}" for number in range(6)))
    assert len(done.sendings) == AT_ONCE
    assert end(harness, "k", tenant="u").sendings == []
    assert len(end(harness, "m", url="https://other.example/").sendings) == 1
    again = answer(harness, done.sendings[0], 200).sendings
    assert len(again) == 1, "a place is free"
    left = [*done.sendings[1:], *again]
    seen = {row.id for row in harness.told(state="delivered")}
    while left:
        sending = left.pop(0)
        seen.add(sending.id)
        left += answer(harness, sending, 200).sendings
    assert len(seen) == 7
    assert {row.tenant for row in harness.told(state="delivered")} == {"t", "u"}


def test_after_five_failures_in_a_row_only_probes_go() -> None:
    harness = harness_with(slots=100)
    left = end(harness, *(f"j{number:02}" for number in range(30))).sendings
    count = 0
    while left:
        count += 1
        left += answer(harness, left.pop(0), 500).sendings
    assert count == FAILURES_IN_A_ROW + AT_ONCE - 1, "those that were on their way"
    probes = 0
    for _ in range(40):
        sent = later(harness, PROBE_SECONDS_MAX / 10).sendings
        assert len(sent) <= 1
        for sending in sent:
            probes += 1
            assert answer(harness, sending, 500).sendings == []
    assert 4 <= probes <= 6
    (probe,) = later(harness, PROBE_SECONDS_MAX).sendings
    assert len(answer(harness, probe, 200).sendings) == AT_ONCE, "it is back"


def test_an_endpoint_that_only_fails_for_five_days_is_paused_until_a_replay() -> None:
    harness = harness_with()
    (sending,) = end(harness, "j").sendings
    answer(harness, sending, 500)
    (entry,) = harness.ledger.endpoints.values()
    assert (entry.lane, entry.paused_at) == ("hooks.example t", None)
    (sending,) = later(harness, PAUSE_SECONDS + 1).sendings
    answer(harness, sending, 500)
    (entry,) = harness.ledger.endpoints.values()
    assert entry.paused_at is not None
    assert end(harness, "k").sendings == []
    assert [row.state for row in harness.last[0].records.deliveries] == ["failed"], "from the first moment"
    assert "paused" in harness.told()[1].error
    later(harness, 86_400)
    assert states(harness) == ["failed", "failed"], "what waited too"
    harness.order(wire.Replay("web", "r", harness.told()[1].id))
    (sending,) = harness.turn().sendings
    assert harness.ledger.endpoints == {}
    answer(harness, sending, 200)
    assert states(harness) == ["failed", "delivered"]
    assert len(end(harness, "m").sendings) == 1


def test_a_failure_is_forgotten_when_nothing_waits_for_its_endpoint_any_more() -> None:
    harness = harness_with()
    (sending,) = end(harness, "j").sendings
    answer(harness, sending, 410)
    assert harness.ledger.endpoints == {}
    harness.now += 10 * PAUSE_SECONDS
    for peer in (A, C):
        harness.receive(peer, wire.WorkerBeat([]))
    (sending,) = end(harness, "k").sendings
    answer(harness, sending, 500)
    (entry,) = harness.ledger.endpoints.values()
    assert entry.paused_at is None
    assert len(end(harness, "m").sendings) == 1


def test_a_failure_is_forgotten_with_the_row_that_waited() -> None:
    harness = harness_with()
    (sending,) = end(harness, "j").sendings
    answer(harness, sending, 500)
    harness.ledger.delivery_rows.clear()
    assert later(harness, 6).sendings == []
    assert harness.turn().sendings == []
    assert harness.ledger.endpoints == {}


def test_a_pause_outlives_what_waited() -> None:
    harness = harness_with()
    (sending,) = end(harness, "j").sendings
    answer(harness, sending, 500)
    (sending,) = later(harness, PAUSE_SECONDS + 1).sendings
    answer(harness, sending, 410)
    assert states(harness) == ["stopped"]
    assert end(harness, "k").sendings == []
    assert states(harness) == ["stopped", "failed"]


def counted(harness: DispatcherHarness) -> tuple[int, int, int, int]:
    """What the next beat says."""
    later(harness, 1.0)
    view = next(effects.beat.deliveries for effects in harness.last if effects.beat)
    assert view is not None
    return view.waiting, view.failed, view.failing, view.paused


def test_the_beat_counts_what_waits_what_failed_and_which_endpoints_fail() -> None:
    harness = harness_with()
    assert counted(harness) == (0, 0, 0, 0)
    (sending,) = end(harness, "j").sendings
    assert counted(harness) == (1, 0, 0, 0), "on its way"
    answer(harness, sending, 500)
    assert counted(harness) == (1, 0, 1, 0)
    harness.start()
    harness.receive(A, ready("a", 1000))
    harness.receive(C, courier("c"))
    assert counted(harness) == (1, 0, 1, 0), "over a restart"
    (sending,) = later(harness, PAUSE_SECONDS + 1).sendings
    answer(harness, sending, 500)
    end(harness, "k")
    assert counted(harness) == (1, 1, 1, 1), "the new one failed at once"
    later(harness, 86_400)
    assert counted(harness) == (0, 2, 1, 1)
    harness.order(wire.Replay("web", "r", harness.told()[1].id))
    (sending,) = harness.turn().sendings
    assert counted(harness) == (1, 2, 0, 0)
    harness.order(wire.Replay("web", "r", harness.told()[0].id))
    harness.turn()
    harness.order(wire.Replay("web", "r", harness.told()[0].id))
    harness.turn()
    answer(harness, sending, 410)
    assert counted(harness) == (1, 2, 1, 0), "replayed twice, it waits once"


def test_a_success_forgets_that_an_endpoint_failed() -> None:
    harness = harness_with()
    (sending,) = end(harness, "j").sendings
    answer(harness, sending, 500)
    assert len(harness.ledger.endpoints) == 1
    (sending,) = later(harness, 6).sendings
    answer(harness, sending, 200)
    assert harness.ledger.endpoints == {}


def test_a_lost_courier_costs_one_attempt_of_what_it_had() -> None:
    harness = harness_with(couriers=2, slots=1)
    (sending,) = end(harness, "j").sendings
    other = D if sending.peer == C else C
    harness.lose(sending.peer)
    harness.turn()
    (row,) = harness.told()
    assert (row.state, row.attempts, row.error) == ("waiting", 1, LOST)
    assert harness.ledger.endpoints == {}, "it is not the endpoint's fault"
    assert [each.peer for each in later(harness, 6).sendings] == [other]
    answer(harness, sending, 200, peer=other)
    assert states(harness) == ["waiting"], "an answer under an old number"


def test_another_couriers_answer_changes_nothing() -> None:
    harness = harness_with(couriers=2)
    (sending,) = end(harness, "j").sendings
    other = D if sending.peer == C else C
    done = answer(harness, sending, 200, peer=other)
    assert states(harness) == ["waiting"]
    assert leases_in(done, wire.Settled) == [(other, sending.id, sending.attempt)]
    answer(harness, sending, 200, peer=sending.peer)
    assert states(harness) == ["delivered"]


def test_a_silent_courier_is_lost() -> None:
    harness = harness_with(silence_seconds=5.0)
    end(harness, "j")
    for _ in range(4):
        harness.now += 1.5
        harness.receive(A, wire.WorkerBeat([]))
        harness.turn(tick=True)
    assert harness.told()[0].error == LOST
    assert harness.dispatcher.peers() == [A]
    harness.receive(C, wire.WorkerBeat([]))
    assert (C, wire.Introduce(harness.dispatcher.epoch)) in harness.turn().sends


def test_a_draining_courier_gives_back_without_a_charge_and_gets_no_more() -> None:
    harness = harness_with(couriers=2, slots=1)
    (sending,) = end(harness, "j").sendings
    harness.receive(sending.peer, wire.Draining(), Returned([LeaseRef(sending.id, sending.attempt)]))
    done = harness.turn()
    assert leases_in(done, wire.Settled) == [(sending.peer, sending.id, sending.attempt)]
    (again,) = done.sendings
    assert again.peer != sending.peer
    assert harness.told()[0].attempts == 0
    harness.receive(sending.peer, wire.Leaving())
    harness.turn()
    assert sending.peer not in harness.dispatcher.peers()


def test_after_a_restart_a_courier_goes_on_with_what_it_has() -> None:
    harness = harness_with()
    (sending,) = end(harness, "j").sendings
    harness.ledger.nonce = 7
    harness.start()
    harness.receive(C, courier("c", holding=(Held(sending.id, sending.attempt, True),)))
    harness.turn(tick=True)
    assert later(harness, 3.0).sendings == []
    answer(harness, sending, 200)
    assert states(harness) == ["delivered"]


def test_an_answer_that_comes_before_its_row_is_read_counts() -> None:
    harness = harness_with()
    (sending,) = end(harness, "j").sendings
    harness.start()
    harness.receive(C, courier("c", holding=(Held(sending.id, sending.attempt, True),)))
    done = answer(harness, sending, 200)
    assert states(harness) == ["delivered"]
    assert leases_in(done, wire.Settled) == [(C, sending.id, sending.attempt)]


def test_an_answer_that_was_committed_before_is_settled_again_and_changes_nothing() -> None:
    harness = harness_with()
    (sending,) = end(harness, "j").sendings
    answer(harness, sending, 500)
    (row,) = harness.told()
    harness.start()
    harness.receive(C, courier("c", holding=(Held(sending.id, sending.attempt, True),)))
    assert leases_in(harness.turn(), wire.Settled) == [(C, sending.id, sending.attempt)]
    answer(harness, sending, 200)
    assert harness.told() == [row]
    assert len(later(harness, 6).sendings) == 1


def test_nothing_is_leased_in_the_grace_after_a_start_but_all_after_it() -> None:
    harness = harness_with(grace_seconds=2.0)
    end(harness, "j")
    harness.start()
    harness.receive(C, courier("c"))
    assert harness.turn(tick=True).sendings == []
    assert harness.dispatcher.deadline <= harness.now + 2.0
    assert len(later(harness, 2.0).sendings) == 1


def test_a_courier_that_reconnects_keeps_its_leases_and_loses_those_it_does_not_name() -> None:
    harness = harness_with()
    first, _ = end(harness, "j", "k").sendings
    harness.receive(D, courier("c", holding=(Held(first.id, first.attempt, True),)))
    harness.turn()
    assert [row.error for row in harness.told()] == ["", LOST]
    answer(harness, first, 200, peer=D)
    harness.dispatcher.check()
    assert states(harness) == ["delivered", "waiting"]


def test_a_courier_that_is_lost_while_its_claims_are_read_leaves_them_waiting() -> None:
    harness = harness_with()
    (sending,) = end(harness, "j").sendings
    harness.start()
    harness.receive(C, courier("c", holding=(Held(sending.id, sending.attempt, True),)))
    harness.lose(C)
    harness.turn()
    harness.receive(D, courier("d"))
    assert len(later(harness, 3.0).sendings) == 1


def test_a_beat_that_lists_a_strange_lease_is_settled() -> None:
    harness = harness_with()
    (sending,) = end(harness, "j").sendings
    mine, strange = Held(sending.id, sending.attempt, True), Held(sending.id.replace("d1", "d9"), 5, True)
    harness.receive(C, wire.WorkerBeat([mine, strange]))
    assert leases_in(harness.turn(), wire.Settled) == [(C, strange.job, 5)]


def test_slots_bound_what_a_courier_gets() -> None:
    harness = harness_with(slots=2)
    sent = [
        each for number in range(4) for each in end(harness, f"j{number}", url=f"https://h{number}.example/").sendings
    ]
    assert len(sent) == 2
    assert len(answer(harness, sent[0], 200).sendings) == 1


@pytest.mark.parametrize("chosen", [False, True])
def test_a_rendition_is_told_once_if_it_was_chosen_with_its_change_and_before_the_end(chosen: bool) -> None:
    harness = harness_with(couriers=0)
    harness.submit(told_job("j"), urls=(URL,), renditions=chosen)
    ((_, job, lease),) = leases_in(harness.turn(), wire.Assign)
    first, second = (Rendition(name, f"processed/j/j.{name}", "png", 1, 1, 1, "d") for name in ("a", "b"))
    for _ in range(2):  # a repeat
        harness.receive(A, wire.Published([wire.Publication(job, lease, first)]))
        harness.turn()
    assert [row.type for row in harness.told()] == ["job.rendition"] * chosen
    harness.receive(A, Finished([Finish(job, lease, [first, second])]))
    harness.turn()
    rows = harness.told()
    assert [row.type for row in rows] == ["job.rendition", "job.rendition"] * chosen + ["job.done"]
    told = [json.loads(row.body)["data"] for row in rows]
    assert [each["rendition"]["name"] for each in told[:-1]] == ["a", "b"] * chosen
    assert sorted({each["change"] for each in told}) == [each["change"] for each in told] == [r.change for r in rows]
    assert all(row.job == "j" and row.url == URL for row in rows)


def test_a_rendition_that_comes_after_a_cancel_is_not_told() -> None:
    harness = harness_with(couriers=0)
    harness.submit(told_job("j"), urls=(URL,), renditions=True)
    ((_, job, lease),) = leases_in(harness.turn(), wire.Assign)
    harness.order(wire.Cancel("web", "c", "j"))
    made = Rendition("a", "processed/j/j.a", "png", 1, 1, 1, "d")
    harness.receive(A, wire.Published([wire.Publication(job, lease, made)]), Finished([Finish(job, lease, [made])]))
    harness.turn()
    assert [row.type for row in harness.told()] == ["job.cancelled"]


def test_two_receivers_are_told_of_one_end() -> None:
    harness = harness_with()
    end(harness, "j", url=("https://a.example/", "https://b.example/"))
    rows = harness.told()
    assert [row.url for row in rows] == ["https://a.example/", "https://b.example/"]
    assert rows[0].body == rows[1].body
    assert rows[0].id != rows[1].id


def test_each_end_of_a_requeued_job_is_an_event_of_its_own() -> None:
    harness = harness_with(couriers=0)
    harness.submit(told_job("j"), urls=(URL,))
    harness.order(wire.Cancel("web", "c", "j"))
    harness.turn()
    harness.order(wire.Requeue("web", "q", "j"))
    harness.turn()
    harness.order(wire.Cancel("web", "d", "j"))
    lease = next(iter(harness.dispatcher.books.roster.by_peer[A].leases.values())).lease
    harness.receive(A, wire.Failed([wire.Failure("j", lease, "cancelled", "")]))
    harness.turn()
    rows = harness.told()
    assert [row.type for row in rows] == ["job.cancelled", "job.cancelled"]
    assert rows[0].change < rows[1].change == json.loads(rows[1].body)["data"]["change"]


def test_a_replay_keeps_the_id_and_begins_the_schedule_anew() -> None:
    harness = harness_with()
    (sending,) = end(harness, "j").sendings
    answer(harness, sending, 410)
    harness.order(wire.Replay("web", "r", sending.id, tenant="t"))
    done = harness.turn()
    assert [(ack.outcome, ack.matched, ack.changed) for ack in done.acks] == [("committed", 1, 1)]
    (again,) = done.sendings
    assert (again.id, again.body, count_of(again.attempt)) == (sending.id, sending.body, 2)
    harness.order(wire.Replay("web", "r", sending.id))
    assert [ack.changed for ack in harness.turn().acks] == [0], "it is on its way"
    answer(harness, again, 500)
    (row,) = harness.told()
    assert (row.attempts, row.tries, row.state) == (2, 1, "waiting")
    harness.order(wire.Replay("web", "r", sending.id))
    assert len(harness.turn().sendings) == 1, "it need not wait"


def test_after_a_replay_that_succeeds_nobody_wakes_for_the_moment_before() -> None:
    harness = harness_with(beat_seconds=1e6, silence_seconds=1e6)
    (sending,) = end(harness, "j").sendings
    answer(harness, sending, 500)
    harness.order(wire.Replay("web", "r", sending.id))
    (again,) = harness.turn().sendings
    answer(harness, again, 200)
    harness.now += 3600.0
    harness.turn(tick=True)
    assert harness.dispatcher.deadline > harness.now


@pytest.mark.parametrize("status", [503, 410])
def test_a_replay_by_a_row_that_was_read_before_its_attempt_ended_is_the_next_attempt(status: int) -> None:
    """Web is heard behind the couriers of the turn, but both rows are read at its begin."""
    harness = harness_with()
    (sending,) = end(harness, "j").sendings
    rows = harness.told()
    harness.receive(C, Delivered([Attempted(sending.id, sending.attempt, status, 0.1)]))
    for _ in range(2):
        harness.dispatcher.handle(Replayed(wire.Replay("web", "r", sending.id), rows, None), harness.now)
    (again,) = harness.turn().sendings
    harness.dispatcher.check()
    assert count_of(again.attempt) == 2
    assert later(harness, 6).sendings == []
    answer(harness, again, 200)
    assert [(row.state, row.attempts) for row in harness.told()] == [("delivered", 2)]
    assert not harness.dispatcher.books.deliveries.lanes.by_name


def test_a_replay_of_anothers_or_of_none_is_not_found() -> None:
    harness = harness_with()
    (sending,) = end(harness, "j").sendings
    answer(harness, sending, 410)
    for delivery, tenant in ((sending.id, "u"), ("d9-0000000", None), ("x", None)):
        harness.order(wire.Replay("web", "r", delivery, tenant=tenant))
        assert [ack.code for ack in harness.turn().acks] == ["not_found"]
    assert states(harness) == ["stopped"]


def test_all_that_match_are_replayed_in_steps() -> None:
    harness = harness_with(slots=100)
    for number in range(7):
        (sending,) = end(harness, f"j{number}").sendings
        answer(harness, sending, 410 if number % 2 else 200)
    after: int | None = 0
    counted = 0
    while after is not None:
        harness.order(wire.Replay("web", "r", None, DeliveryWhere(tenant="t", state="stopped"), after))
        done = harness.turn()
        (ack,) = done.acks
        counted += ack.changed
        after = ack.following
        for sending in done.sendings:
            answer(harness, sending, 200)
    assert counted == 3
    assert states(harness) == ["delivered"] * 7


def test_a_purge_leaves_what_waits_and_removes_the_rest() -> None:
    harness = harness_with()
    (sending,) = end(harness, "j").sendings
    answer(harness, sending, 500)
    harness.order(wire.Purge("web", "p", "j"))
    harness.turn()
    assert states(harness) == ["waiting"]
    (again,) = later(harness, 6).sendings
    assert again.body == sending.body
    answer(harness, again, 200)
    assert harness.told() == []


def test_a_window_of_a_lane_is_bounded_and_all_are_sent_in_order(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(lanes, "WINDOW", 4)
    harness = harness_with(couriers=0)
    for number in range(30):
        end(harness, f"j{number:02}")
    assert len(harness.dispatcher.books.deliveries.lanes.by_name["hooks.example t"].window) <= 4
    harness.start()
    harness.receive(A, ready("a", 1000))
    harness.receive(C, courier("c", 2))
    left = later(harness, 3.0).sendings
    seqs = []
    while left:
        sending = left.pop(0)
        seqs.append(seq_of(sending.id))
        left += answer(harness, sending, 200).sendings
        harness.dispatcher.check()
    assert seqs == list(range(1, 31))


def test_a_window_that_was_cut_is_read_again_without_a_restart(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(lanes, "WINDOW", 4)
    harness = harness_with(couriers=0)
    for number in range(12):
        end(harness, f"j{number:02}")
        harness.dispatcher.check()
    harness.receive(C, courier("c", 2))
    left = harness.turn().sendings
    seqs = []
    while left:
        sending = left.pop(0)
        seqs.append(seq_of(sending.id))
        left += answer(harness, sending, 200).sendings
    assert seqs == list(range(1, 13))


@pytest.mark.parametrize("answers", range(11))
def test_a_courier_that_is_lost_while_its_lane_is_read_costs_no_delivery(
    monkeypatch: pytest.MonkeyPatch, answers: int
) -> None:
    """The ledger's answer is older than the end of the attempts that the courier had."""
    monkeypatch.setattr(lanes, "WINDOW", 4)
    harness = harness_with(couriers=0, silence_seconds=1e6)
    for number in range(12):
        end(harness, f"j{number:02}")
    harness.receive(C, courier("c", 2))
    left = harness.turn().sendings
    for _ in range(answers):
        left += answer(harness, left.pop(0), 200).sendings
    harness.unreachable.add(C)
    answer(harness, left.pop(0), 200)
    harness.receive(D, courier("d", 2))
    left = later(harness, 600.0).sendings
    while left:
        left += answer(harness, left.pop(0), 200, peer=D).sendings
        harness.dispatcher.check()
    assert states(harness) == ["delivered"] * 12


def test_hosts_beyond_the_bound_share_a_lane(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(lanes, "LANES_MAX", 6)
    harness = harness_with(slots=100)
    sent = [
        each for number in range(9) for each in end(harness, f"j{number}", url=f"https://h{number}.example/").sendings
    ]
    assert {row.lane for row in harness.told()} == {"h0.example t", "h1.example t", "h2.example t", ""}
    assert len(harness.dispatcher.books.deliveries.lanes.by_name) == 4
    while sent:
        sent += answer(harness, sent.pop(), 200).sendings
    assert states(harness) == ["delivered"] * 9


def host(number: int) -> str:
    return f"https://h{number}.example/"


def test_a_tenant_with_many_hosts_leaves_lanes_to_others(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(lanes, "LANES_MAX", 6)
    harness = harness_with(couriers=0)
    for number in range(9):
        end(harness, f"j{number}", url=host(number))
    end(harness, "k", url=host(0), tenant="u")
    assert [row.lane for row in harness.told()][-1] == "h0.example u"
    assert harness.told(tenant="t")[-1].lane == lanes.SHARED
    harness.dispatcher.check()


def test_who_shares_a_lane_does_not_rest_for_others(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(lanes, "LANES_MAX", 0)
    harness = harness_with(slots=100)
    for number in range(2 * FAILURES_IN_A_ROW):
        (sending,) = end(harness, f"j{number}", url=host(1)).sendings
        answer(harness, sending, 503, after=3600.0)
    assert len(end(harness, "k", url=host(2)).sendings) == 1
    assert {row.lane for row in harness.told()} == {lanes.SHARED}


def test_a_paused_endpoint_is_told_nothing_by_the_shared_lane_either(monkeypatch: pytest.MonkeyPatch) -> None:
    harness = harness_with()
    (sending,) = end(harness, "j").sendings
    answer(harness, sending, 500)
    (sending,) = later(harness, PAUSE_SECONDS + 1).sendings
    answer(harness, sending, 410)
    monkeypatch.setattr(lanes, "LANES_MAX", 0)
    assert end(harness, "k").sendings == []
    assert [(row.state, row.lane) for row in harness.told()][1:] == [("failed", "hooks.example t")]


def test_replays_of_many_hosts_share_a_lane_and_later_ones_have_their_own(monkeypatch: pytest.MonkeyPatch) -> None:
    harness = harness_with(slots=100)
    for number in range(9):
        (sending,) = end(harness, f"j{number}", url=host(number)).sendings
        answer(harness, sending, 410)
    monkeypatch.setattr(lanes, "LANES_MAX", 6)
    for row in harness.told():
        harness.order(wire.Replay("web", "r", row.id))
    sent = harness.turn().sendings
    assert len(harness.dispatcher.books.deliveries.lanes.by_name) == 4
    assert [row.lane for row in harness.told()].count(lanes.SHARED) == 6
    harness.dispatcher.check()
    while sent:
        sent += answer(harness, sent.pop(), 410).sendings
    assert states(harness) == ["stopped"] * 9
    harness.order(wire.Replay("web", "r", harness.told()[8].id))
    harness.turn()
    assert harness.told()[8].lane == "h8.example t"
    harness.dispatcher.check()


def test_failing_endpoints_that_are_remembered_are_bounded(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(decided, "ENDPOINTS_MAX", 3)
    harness = harness_with(slots=100)
    for number in range(6):
        (sending,) = end(harness, f"j{number}", url=f"https://h{number}.example/").sendings
        answer(harness, sending, 500)
    assert sorted(harness.ledger.endpoints) == ["h3.example t", "h4.example t", "h5.example t"]
    assert isinstance(harness.ledger.endpoints["h5.example t"], Endpoint)


def test_a_quarantined_upload_is_told_too() -> None:
    harness = harness_with()
    books = harness.dispatcher.books
    books.quarantine.add(b"bad", "engine", OFFSET + harness.now)
    harness.submit(told_job("j", content=b"bad"), urls=(URL,))
    harness.turn()
    (row,) = harness.told()
    assert (row.type, json.loads(row.body)["data"]["code"]) == ("job.failed", "quarantined")


def test_an_unused_dispatcher_has_no_lane_and_no_deadline_of_deliveries() -> None:
    harness = harness_with(couriers=0)
    deliveries = harness.dispatcher.books.deliveries
    assert deliveries.is_unused
    assert deliveries.due(OFFSET) is None
