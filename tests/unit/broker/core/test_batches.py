"""The end of a POST of several files is told once, however its jobs end, and over restarts."""

import json
from typing import Any

import pytest

from broker.core import batches
from broker.core.batches import AT_ONCE
from broker.core.books.events import BatchesFound, ClockRead
from broker.core.retention import TRUST_SECONDS
from jobs import wire
from jobs.errors import LedgerFailed
from jobs.job import Hooks
from jobs.limits import BATCH_JOBS_MAX, PURGED_SLACK_SECONDS
from jobs.records import BatchEntry
from tests.properties.harness import DispatcherHarness, new_job, ready

A = b"a"


class Told(DispatcherHarness):
    """Collects whose ends were told, and counts the looks into the ledger, and the batches of the largest one."""

    def __init__(self, **policy: float) -> None:
        self.ends: list[str] = []
        self.changes: list[wire.Change] = []
        self.looks = self.most = 0
        super().__init__(**policy)

    def run(self) -> None:
        """One turn, and what it causes."""
        self.turn(tick=True)
        for effects in self.last:
            self.looks += effects.find_batches is not None
            self.most = max(self.most, len(effects.find_batches.ids) if effects.find_batches else 0)
            changes = effects.changes.changes if effects.changes else []
            self.changes += changes
            self.ends += [change.id for change in changes if change.state == wire.BATCH_ENDED]

    def files(self, batch: str, *jobs: str, expires_in: float | None = None, urls: tuple[str, ...] = ()) -> None:
        """A POST of these files."""
        self.submit(*(new_job(job, batch=batch) for job in jobs), request=batch, expires_in=expires_in, urls=urls)

    def bodies(self) -> list[Any]:
        """What the receivers are told of the ends of batches."""
        return [json.loads(row.body)["data"] for row in self.told(type="batch.ended")]

    def cancel(self, *jobs: str) -> None:
        """These jobs are cancelled."""
        for job in jobs:
            self.order(wire.Cancel("w", job, job))
        self.run()

    def entry(self, batch: str) -> BatchEntry:
        """The batch as the ledger has it."""
        (found,) = [entry for entry in self.ledger.entries(BatchEntry, None, 1000) if entry.batch == batch]
        return found


def test_the_end_is_told_once_whatever_the_mix() -> None:
    harness = Told()
    harness.files("b", "1", "2", "3", "4")
    harness.files("c", "5", "6")
    harness.run()
    assert harness.entry("b") == BatchEntry("b", "t", harness.row("1").accepted_at)
    harness.receive(A, ready("a", capacity=2))
    harness.run()
    leases = {job: harness.row(job).lease for job in ("1", "2")}
    harness.receive(A, wire.Finished([wire.Finish("1", leases["1"], [])]))
    harness.receive(A, wire.Failed([wire.Failure("2", leases["2"], "undecodable", "why")]))
    harness.run()
    harness.cancel("3", "4")
    assert harness.ends == []
    harness.receive(A, wire.Failed([wire.Failure("3", harness.row("3").lease, "cancelled", "")]))
    harness.receive(A, wire.Failed([wire.Failure("4", harness.row("4").lease, "cancelled", "")]))
    harness.run()
    assert harness.ends == ["b"]
    assert (harness.entry("b").ended_at or 0.0) >= (harness.row("4").ended_at or 1e99)
    assert harness.ledger.meta.change == harness.dispatcher.books.change
    harness.order(wire.Requeue("w", "q", "3"))
    harness.run()
    harness.cancel("3")
    harness.run()
    assert harness.ends == ["b"]
    assert harness.entry("c").ended_at is None


def test_receivers_are_told_of_the_end_and_how_many_jobs_are_in_each_state() -> None:
    harness = Told()
    harness.files("b", "1", "2", "3", urls=("https://a.example/x", "https://b.example/y"))
    harness.files("c", "4", "5")
    harness.run()
    harness.receive(A, ready("a"))
    harness.run()
    harness.receive(A, wire.Finished([wire.Finish("1", harness.row("1").lease, [])]))
    harness.run()
    harness.cancel("2")
    assert harness.bodies() == []
    harness.receive(A, wire.Failed([wire.Failure("2", harness.row("2").lease, "cancelled", "")]))
    harness.run()
    harness.receive(A, wire.Failed([wire.Failure("3", harness.row("3").lease, "undecodable", "why")]))
    harness.run()
    told = harness.told(type="batch.ended")
    assert [(row.url, row.job, row.batch, row.tenant) for row in told] == [
        ("https://a.example/x", None, "b", "t"),
        ("https://b.example/y", None, "b", "t"),
    ]
    (ended,) = [change for change in harness.changes if change.id == "b"]
    assert {row.change for row in told} == {ended.change}
    assert harness.bodies()[0] == {
        "id": "b", "total": 3, "counts": {"cancelled": 1, "done": 1, "failed": 1}, "closed": True,
        "change": ended.change, "status_url": "http://pix/batches/b",
    }  # fmt: skip
    assert harness.ledger.entries(BatchEntry, None, 1)[0].ended_at == told[0].created_at
    harness.start()
    harness.run()
    harness.cancel("4", "5")
    assert len(harness.bodies()) == 2


def test_a_job_that_is_requeued_before_the_end_is_waited_for() -> None:
    harness = Told()
    harness.files("b", "1", "2")
    harness.run()
    harness.cancel("1")
    harness.order(wire.Requeue("w", "q", "1"))
    harness.run()
    harness.cancel("2")
    assert harness.ends == []
    harness.cancel("1")
    assert harness.ends == ["b"]


def test_jobs_that_expire_and_jobs_that_are_quarantined_end_a_batch() -> None:
    harness = Told()
    harness.files("b", "1", "2", expires_in=2.0)
    harness.run()
    harness.now += 3.0
    harness.run()
    assert harness.ends == ["b"]
    harness.receive(A, ready("a"))
    harness.dispatcher.books.quarantine.add(b"3", "engine", harness.now + harness.offset)
    harness.dispatcher.books.quarantine.add(b"4", "engine", harness.now + harness.offset)
    harness.files("c", "3", "4")
    harness.run()
    assert harness.ends == ["b", "c"]


@pytest.mark.parametrize("kept", [True, False])
def test_a_broker_that_dies_before_it_told_leaves_it_to_the_next(kept: bool) -> None:
    harness = Told()
    harness.files("b", "1", "2")
    harness.files("c", "3", "4")
    harness.run()
    harness.cancel("1")
    harness.order(wire.Cancel("w", "2", "2"))
    harness.ledger.fail_next_commit(kept=kept)
    with pytest.raises(LedgerFailed):
        harness.run()
    harness.start()
    harness.run()
    if not kept:
        assert harness.ends == []
        harness.cancel("2")
    assert harness.ends == ["b"]
    harness.start()
    harness.run()
    assert (harness.ends, harness.entry("c").ended_at) == (["b"], None)


def test_many_batches_that_end_at_once_are_counted_in_steps() -> None:
    harness = Told()
    batches = [f"b{number:04}" for number in range(25)]
    for batch in batches:
        harness.files(batch, f"{batch}.1", f"{batch}.2")
    harness.run()
    harness.cancel(*(f"{batch}.{job}" for batch in batches for job in (1, 2)))
    assert sorted(harness.ends) == batches
    assert AT_ONCE * BATCH_JOBS_MAX <= 10_000 and harness.most == AT_ONCE


def test_a_start_looks_at_all_batches_in_steps() -> None:
    harness = Told()
    batches = [f"b{number:04}" for number in range(2 * AT_ONCE + 5)]
    for batch in batches:
        harness.files(batch, f"{batch}.1", f"{batch}.2")
    harness.run()
    for batch in batches[::5]:
        for job in (f"{batch}.1", f"{batch}.2"):
            row = harness.row(job)
            harness.ledger.rows[row.seq] = row._replace(state="cancelled", ended_at=1.0)
    harness.start()
    harness.looks = 0
    harness.run()
    assert harness.ends == batches[::5]
    assert harness.looks == 7  # three steps of the walk, each with its look, and the one that finds no more
    harness.run()
    assert harness.looks == 7


def test_jobs_that_came_alone_are_no_batch() -> None:
    harness = Told()
    harness.run()
    looks = harness.looks
    harness.submit(new_job("1"))
    harness.run()
    harness.cancel("1")
    assert (harness.looks, harness.ends) == (looks, [])
    assert harness.ledger.entries(BatchEntry, None, 10) == []


class Opened(Told):
    """A Told with open batches, and what its requests were answered."""

    def open(self, batch: str, *urls: str) -> None:
        """POST /batches."""
        self.order(wire.OpenBatch("w", f"open {batch}", batch, "t", Hooks(urls, "http://pix") if urls else None))
        self.run()

    def close(self, batch: str, tenant: str | None = "t") -> str | None:
        """The batch is closed: the code of a refusal."""
        self.order(wire.CloseBatch("w", f"close {batch}", batch, tenant))
        return self.answer()

    def join(self, batch: str, *jobs: str, tenant: str = "t") -> str | None:
        """A POST to the batch: the code of a refusal."""
        files = [new_job(job, batch=batch, tenant=tenant) for job in jobs]
        self.post(wire.SubmitToBatch("w", "join", self.offset + self.now, files))
        return self.answer()

    def answer(self) -> str | None:
        """The code of the one answer of this turn."""
        self.run()
        (ack,) = [ack for effects in self.last for acks in effects.acks.values() for ack in acks]
        assert (ack.outcome == wire.COMMITTED) == (ack.code is None)
        return ack.code


def test_an_open_batch_ends_only_when_it_is_closed() -> None:
    harness = Opened()
    harness.open("b", "https://a.example/x")
    assert harness.join("b", "1") is None
    harness.cancel("1")
    assert harness.ends == []
    assert harness.join("b", "2", "3") is None
    harness.cancel("2")
    assert harness.close("b") is None
    assert harness.ends == []
    harness.cancel("3")
    assert harness.ends == ["b"]
    (told,) = harness.bodies()
    assert (told["total"], told["counts"], told["closed"]) == (3, {"cancelled": 3}, True)
    assert (harness.row("2").batch, harness.close("b"), harness.ends) == ("b", None, ["b"])


@pytest.mark.parametrize("jobs", [(), ("1",)])
def test_a_batch_of_no_job_or_one_ends_too(jobs: tuple[str, ...]) -> None:
    harness = Opened()
    harness.open("b", "https://a.example/x")
    for job in jobs:
        harness.join("b", job)
    harness.cancel(*jobs)
    assert harness.ends == []
    harness.close("b")
    assert (harness.ends, harness.bodies()[0]["total"]) == (["b"], len(jobs))


def test_a_batch_that_nobody_closes_ends_by_its_time_and_says_so() -> None:
    harness = Opened(partial_seconds=10.0)
    harness.open("b", "https://a.example/x")
    harness.open("c")
    harness.now += 8.0
    harness.join("b", "1")
    assert harness.entry("b").open_until == pytest.approx(harness.now + harness.offset + 10.0, abs=0.1)
    harness.now += 3.0
    harness.run()
    assert harness.ends == ["c"]
    harness.now += 8.0
    assert harness.join("b", "2") == "batch_closed"
    assert harness.ends == ["c"]
    harness.run()
    harness.cancel("1")
    assert harness.ends == ["c", "b"]
    (told,) = harness.bodies()
    assert (told["total"], told["closed"]) == (1, False)
    ended = harness.entry("b")
    assert harness.close("b") is None
    harness.run()
    assert (harness.ends, len(harness.bodies()), harness.entry("b")) == (["c", "b"], 1, ended)


def test_the_core_wakes_for_the_first_batch_that_is_over_and_asks_no_more_than_it_must() -> None:
    harness = Opened(partial_seconds=10.0, beat_seconds=1e6)
    harness.run()
    looks = harness.looks
    harness.run()
    assert harness.looks == looks
    opened_at = harness.now + harness.offset
    harness.open("b")
    until = harness.entry("b").open_until or 0.0
    assert until == pytest.approx(opened_at + 10.0, abs=0.1)
    assert harness.dispatcher.books.batches_open.due(harness.offset) == pytest.approx(until - harness.offset)
    while (due := harness.dispatcher.deadline) < until - harness.offset:  # it looks for other things before
        harness.now = due
        harness.run()
    assert due == until - harness.offset
    harness.run()
    assert harness.looks == looks
    harness.close("b")
    looks = harness.looks
    harness.now += 20.0
    harness.run()
    harness.run()
    assert harness.looks == looks + 1
    assert harness.dispatcher.books.batches_open.first is None


def test_open_batches_are_over_in_steps_also_after_a_restart() -> None:
    harness = Opened(partial_seconds=10.0)
    batches = [f"b{number:04}" for number in range(2 * AT_ONCE + 5)]
    for batch in batches:
        harness.order(wire.OpenBatch("w", batch, batch, "t"))
    harness.run()
    harness.now += 5.0
    harness.open("late")
    harness.start()
    harness.run()
    assert harness.ends == []
    harness.now += 6.0
    harness.run()
    assert sorted(harness.ends) == batches
    harness.now += 10.0
    harness.run()
    assert sorted(harness.ends) == [*batches, "late"]


def test_batches_that_are_over_and_wait_for_their_jobs_hide_no_later_one() -> None:
    harness = Opened(partial_seconds=10.0)
    for number in range(AT_ONCE):
        harness.open(f"b{number:04}")
        harness.join(f"b{number:04}", f"{number}")
    harness.open("c")
    harness.now += 11.0
    harness.run()
    harness.run()
    assert harness.ends == ["c"]
    assert harness.dispatcher.books.batches_open.first is None


def test_a_clock_that_goes_back_hides_no_open_batch() -> None:
    harness = Opened(partial_seconds=10.0)
    harness.open("a")
    harness.now += 11.0
    harness.run()
    harness.offset -= 1000.0
    harness.dispatcher.handle(ClockRead(harness.offset), harness.now)
    harness.open("b")
    harness.now += 11.0
    harness.run()
    assert harness.ends == ["a", "b"]


FORWARD = 2 * 86_400.0


def set_clock(harness: DispatcherHarness, seconds: float) -> None:
    """The wall clock is put forward by so many seconds; below 0: back."""
    harness.offset += seconds
    harness.dispatcher.handle(ClockRead(harness.offset), harness.now)


def test_a_clock_that_is_put_forward_for_a_while_ends_no_open_batch() -> None:
    harness = Opened(partial_seconds=1000.0)
    harness.run()
    harness.open("b", "https://a.example/x")
    harness.join("b", "1")
    set_clock(harness, FORWARD)
    harness.run()
    assert harness.dispatcher.deadline > harness.now, "a broker that turns in circles"
    harness.cancel("1")
    assert harness.join("b", "2") is None
    harness.cancel("2")
    for _ in range(2):
        set_clock(harness, FORWARD)
        harness.run()
    set_clock(harness, -3 * FORWARD)
    assert harness.join("b", "3") is None
    harness.cancel("3")
    assert harness.ends == []
    harness.now += 1001.0
    harness.run()
    harness.run()
    assert harness.ends == ["b"], "by its own time, also while the clock is not trusted"
    assert harness.join("b", "4") == "batch_closed"


def test_a_clock_that_was_put_forward_is_trusted_in_the_end() -> None:
    harness = Opened(partial_seconds=86_400.0, beat_seconds=1e6)
    harness.run()
    harness.open("b")
    set_clock(harness, FORWARD)
    harness.run()
    while harness.now < TRUST_SECONDS:
        assert harness.ends == []
        assert harness.dispatcher.deadline > harness.now, "a broker that turns in circles"
        harness.now = harness.dispatcher.deadline
        harness.run()
    harness.run()
    assert harness.ends == ["b"]


def test_only_jobs_of_its_tenant_join_an_open_batch() -> None:
    harness = Opened()
    harness.open("b")
    assert harness.join("none", "1") == "not_found"
    assert harness.join("b", "1", tenant="another") == "not_found"
    files = [new_job("1", batch="b"), new_job("2", batch="c")]
    harness.post(wire.SubmitToBatch("w", "join", harness.offset + harness.now, files))
    assert harness.answer() == "not_found"
    assert [harness.close("b", tenant) for tenant in ("another", "t")] == ["not_found", None]
    assert harness.close("none", None) == "not_found"
    assert harness.join("b", "1") == "batch_closed"
    assert harness.ledger.rows == {}


def test_a_post_of_several_files_begins_no_batch_that_is_known_anew() -> None:
    harness = Opened()
    harness.open("open", "https://a.example/x")
    harness.files("ended", "1", "2", urls=("https://a.example/x",))
    harness.cancel("1", "2")
    known = [harness.entry("open"), harness.entry("ended")]
    for batch in ("open", "ended"):
        for files in ([new_job(f"{batch}.3", batch=batch)], [new_job(f"{batch}.{n}", batch=batch) for n in (4, 5)]):
            harness.post(wire.Submit("w", "lie", harness.offset + harness.now, files))
            assert harness.answer() == "malformed"
    for second in ("open", None):
        files = [new_job("6", batch="new"), new_job("7", batch=second)]
        harness.post(wire.Submit("w", "lie", harness.offset + harness.now, files))
        assert harness.answer() == "malformed"
    harness.files("one", "8", "9")
    harness.files("one", "10", "11")
    harness.run()
    assert {row.id for row in harness.ledger.rows.values()} == {"1", "2", "8", "9"}
    assert [harness.entry("open"), harness.entry("ended")] == known
    assert len(harness.bodies()) == 1


def test_a_tenant_has_so_many_batches_open_and_all_together_have(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(batches, "OPEN_BATCHES_MAX", 2)
    monkeypatch.setattr(batches, "OPEN_BATCHES_ALL", 4)
    harness = Opened(partial_seconds=10.0)

    def opened(batch: str, tenant: str = "t") -> str | None:
        harness.order(wire.OpenBatch("w", batch, batch, tenant))
        harness.dispatcher.check()
        return harness.answer()

    assert [opened(name) for name in ("1", "2", "2", "3")] == [None, None, None, "too_many_at_once"]
    assert [opened(name, "u") for name in ("4", "5")] == [None, None]
    assert opened("6", "v") == "queue_full"
    assert harness.dispatcher.books.accepted.per_minute(harness.now) == 0, "without a rate, images alone are counted"
    harness.start()
    assert [opened("3"), opened("6", "v")] == ["too_many_at_once", "queue_full"]
    assert harness.join("1", "job") is None
    assert (harness.close("1"), harness.close("1")) == (None, None)
    assert [opened("3"), opened("7")] == [None, "too_many_at_once"]
    harness.now += 11.0
    harness.run()
    harness.run()
    assert harness.dispatcher.books.batches_open.counts == {}
    assert [opened(name) for name in ("8", "9", "10")] == [None, None, "too_many_at_once"]


def test_an_opened_batch_is_one_of_the_tenant_s_rate() -> None:
    harness = Opened(rate_per_minute=2)
    harness.open("b")
    harness.open("b")
    assert harness.join("b", "1") is None
    harness.order(wire.OpenBatch("w", "c", "c", "t"))
    (ack,) = harness.turn().acks
    assert (ack.outcome, ack.code) == (wire.REFUSED, "rate_limited")
    assert 60.0 <= ack.retry_seconds <= 61.0
    assert harness.ledger.batch_entry("c") is None
    harness.now += ack.retry_seconds
    harness.open("c")
    assert harness.entry("c").tenant == "t"


def test_a_batch_takes_so_many_jobs_and_no_more() -> None:
    harness = Opened()
    harness.open("b")
    assert harness.join("b", *(f"{number:04}" for number in range(99))) is None
    for step in range(1, 10):
        assert harness.join("b", *(f"{step}.{number:04}" for number in range(100))) is None
    files = [new_job(f"x{number}", batch="b") for number in range(2)]
    harness.post(wire.SubmitToBatch("w", "x", harness.offset + harness.now, files))
    harness.post(wire.SubmitToBatch("w", "y", harness.offset + harness.now, files[:1]))
    harness.post(wire.SubmitToBatch("w", "z", harness.offset + harness.now, files[1:]))
    harness.run()
    acks = {ack.request: ack for effects in harness.last for acks in effects.acks.values() for ack in acks}
    assert [(acks[name].code, acks[name].left) for name in "xyz"] == [("batch_full", 1), (None, 0), ("batch_full", 0)]
    assert len(harness.ledger.rows) == BATCH_JOBS_MAX


def test_repeats_change_nothing() -> None:
    harness = Opened()
    harness.open("b", "https://a.example/x")
    harness.join("b", "1")
    made = harness.entry("b")
    harness.open("b")
    assert harness.entry("b") == made
    harness.close("b")
    closed = harness.entry("b")
    assert closed.open_until is None
    assert harness.join("b", "1") is None  # committed before
    assert (harness.close("b"), harness.entry("b")) == (None, closed)
    harness.cancel("1")
    ended = harness.entry("b")
    harness.order(wire.OpenBatch("w", "again", "b", "t"))
    harness.order(wire.CloseBatch("w", "again", "b", "t"))
    harness.run()
    assert (harness.entry("b"), harness.ends) == (ended, ["b"])


def test_an_ended_batch_is_forgotten_with_what_is_left_of_its_jobs() -> None:
    harness = Opened(retention_seconds=10.0)
    for batch in ("b", "open"):
        harness.open(batch)
        harness.join(batch, f"{batch}.1")
    harness.cancel("b.1", "open.1")
    harness.close("b")
    assert harness.ends == ["b"]
    harness.now += 11.0
    harness.run()
    assert harness.ledger.rows == {}
    assert harness.entry("b").ended_at is not None
    harness.now += PURGED_SLACK_SECONDS
    harness.run()
    assert [harness.ledger.batch_entry(batch) is None for batch in ("b", "open")] == [True, False]


def test_commands_of_one_turn_see_each_other() -> None:
    harness = Opened()
    at = harness.offset + harness.now
    harness.order(wire.OpenBatch("w", "1", "b", "t"))
    post = wire.SubmitToBatch("w", "2", at, [new_job("1", batch="b")])
    late = wire.SubmitToBatch("w", "4", at, [new_job("2", batch="b")])
    harness.post(post)
    harness.order(wire.CloseBatch("w", "3", "b", "t"))
    harness.post(late)
    harness.run()
    codes = [ack.code for effects in harness.last for acks in effects.acks.values() for ack in acks]
    assert codes == [None, None, None, "batch_closed"]
    harness.cancel("1")
    assert harness.ends == ["b"]


def test_a_close_that_comes_with_the_end_does_not_tell_it_again() -> None:
    harness = Opened(partial_seconds=10.0)
    harness.open("b")
    harness.now += 11.0
    harness.dispatcher.handle(BatchesFound(harness.ledger.finished_batches(["b"], 1e12), None), harness.now)
    harness.order(wire.CloseBatch("w", "c", "b", "t"))
    harness.run()
    harness.run()
    assert harness.ends == ["b"]
