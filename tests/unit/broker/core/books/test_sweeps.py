"""A sweep that cannot be done: it is told, asked for ever more seldom, shown, and nothing stops for it."""

import itertools
import logging
from pathlib import Path
from typing import Any
from unittest.mock import Mock

import msgspec
import pytest

from broker.core.books import sweeps
from broker.core.books.events import Matched, NamesListed
from jobs import wire
from jobs.errors import StoreFault
from jobs.job import Rendition
from jobs.records import Where
from stores.blobs.local import LocalBlobs
from stores.blobs.memory import MemoryBlobs
from tests.properties.harness import DispatcherHarness, Done, new_job, past_retention, ready
from worker.core import events
from worker.keeper.housekeeping import Housekeeping

A, B = b"a", b"b"
WHY = "blob raw/j/j: Permission denied"


def harness_with_sweeps(*jobs: str, **policy: Any) -> DispatcherHarness:
    """A worker at peer a, which was told to delete the files of these purged jobs."""
    harness = DispatcherHarness(**policy)
    harness.submit(*map(new_job, jobs))
    harness.turn()
    for job in jobs:
        harness.order(wire.Cancel("web", job, job))
    harness.turn()
    for job in jobs:
        harness.order(wire.Purge("web", job, job))
    harness.turn()
    harness.receive(A, ready("a"))
    assert swept_of(harness.turn(tick=True)) == [*jobs]
    return harness


def swept_of(done: Done) -> list[str]:
    """The jobs whose files workers are told to delete."""
    return [job for _, message in done.sends if isinstance(message, wire.Sweep) for job, _ in message.sweeps]


def refuse(harness: DispatcherHarness, *jobs: str, why: str = WHY) -> None:
    harness.receive(A, wire.Swept([], [(job, why) for job in jobs]))


def second(harness: DispatcherHarness) -> Done:
    """A second passes, in which worker a says that it lives."""
    harness.now += 1.0
    harness.receive(A, wire.WorkerBeat([]))
    return harness.turn(tick=True)


def view(harness: DispatcherHarness) -> wire.SweepsView | None:
    harness.now += 2.0
    harness.turn(tick=True)
    return [effects.beat for effects in harness.last if effects.beat][-1].sweeps


@pytest.mark.parametrize("told", [True, False], ids=["told", "by the version before, which says nothing"])
def test_what_cannot_be_done_is_asked_for_ever_more_seldom(told: bool) -> None:
    harness, offers = harness_with_sweeps("j"), [0.0]
    for _ in range(11_500):
        if told and "j" in harness.dispatcher.books.sweeps.sweeping:
            refuse(harness, "j")
        if swept_of(second(harness)):
            offers.append(harness.now)
    pauses = [after - before for before, after in itertools.pairwise(offers)]
    assert pauses == pytest.approx([60, 120, 240, 480, 960, 1920, 3600, 3600], abs=1.1)


def test_one_that_can_be_done_at_last_is_gone() -> None:
    harness = harness_with_sweeps("j")
    refuse(harness, "j")
    for _ in range(62):
        second(harness)
    harness.receive(A, wire.Swept(["j"]))
    harness.turn()
    assert harness.ledger.restore().sweeps == []
    assert view(harness) == wire.SweepsView(0, 0, "")
    harness.dispatcher.check()


def test_a_restart_asks_at_once_for_somebody_may_have_mended_it() -> None:
    harness = harness_with_sweeps("j")
    refuse(harness, "j")
    harness.turn()
    harness.start()
    harness.receive(A, ready("a"))
    assert swept_of(harness.turn(tick=True)) == ["j"]


def test_the_beat_says_how_many_fail_and_why() -> None:
    harness = harness_with_sweeps("i", "j", "k")
    assert view(harness) == wire.SweepsView(3, 0, "")
    refuse(harness, "i", "j")
    assert view(harness) == wire.SweepsView(3, 2, WHY)


def test_only_whoever_was_told_to_delete_may_say_that_it_failed() -> None:
    harness = harness_with_sweeps("j")
    harness.receive(B, ready("b"))
    harness.receive(B, wire.Swept([], [("j", WHY), ("nothing", WHY)]))
    harness.turn()
    assert view(harness) == wire.SweepsView(1, 0, "")


def test_those_that_fail_keep_no_worker_from_those_that_can_be_done() -> None:
    harness = harness_with_sweeps(*(f"{n:03}" for n in range(100)))
    refuse(harness, *(f"{n:03}" for n in range(100)))
    harness.order(wire.Pause("web", "so that no job runs"))
    harness.submit(new_job("new"))
    harness.turn()
    harness.order(wire.Cancel("web", "c", "new"))
    harness.turn()
    harness.order(wire.Purge("web", "p", "new"))
    assert swept_of(harness.turn()) == ["new"]


def failing(harness: DispatcherHarness) -> int:
    """Each second worker a can delete nothing of what it was told to; how many rows are left at last."""
    for _ in range(40):
        refuse(harness, *harness.dispatcher.books.sweeps.sweeping)
        second(harness)
        harness.dispatcher.check()
    return len(harness.ledger.rows)


@pytest.fixture
def few(monkeypatch: pytest.MonkeyPatch) -> int:
    """How many sweeps may wait: fewer than else, for a quick test."""
    monkeypatch.setattr(sweeps, "WAITING_MAX", 200)
    return 200


def test_retention_goes_on_beside_more_that_fail_than_may_wait(few: int) -> None:
    """Up to so many that memory would be at stake."""
    harness = past_retention(3 * few)
    harness.receive(A, ready("a"))
    assert failing(harness) == 0
    assert view(harness) == wire.SweepsView(3 * few, 3 * few, WHY)


def test_retention_stops_where_too_many_fail(few: int, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sweeps, "STUCK_MAX", few)
    harness = past_retention(5 * few)
    harness.receive(A, ready("a"))
    assert failing(harness) >= 3 * few - 100


def test_the_scan_goes_on_beside_a_thousand_that_fail() -> None:
    harness = DispatcherHarness()
    harness.receive(A, ready("a"))
    harness.turn(tick=True)
    harness.find(A, [f"raw/zz/{number}" for number in range(1001)], following="raw/zz/x")
    harness.turn()
    for _ in range(20):
        refuse(harness, *harness.dispatcher.books.sweeps.sweeping)
        second(harness)
    assert harness.dispatcher.scan.after == "raw/zz/x"
    assert harness.dispatcher.scan.scanner == A, "nobody was asked for the next step"


def test_a_worker_says_which_it_could_not_delete_and_why(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    told = list[Any]()
    blobs = LocalBlobs(tmp_path)
    blobs.put("raw/ab/one", b"1")
    housekeeping = Housekeeping(blobs, told.append, logging.getLogger("test"), lambda: 0.0)
    delete = blobs.delete

    def unable(names: list[str]) -> None:
        if "raw/ab/two" in names:
            raise StoreFault("blob raw/ab/two:\nOperation not permitted" + 1000 * "!")
        delete(names)

    monkeypatch.setattr(blobs, "delete", unable)
    housekeeping.sweep(events.Sweeping("one", ["raw/ab/one"], 1.0))
    housekeeping.sweep(events.Sweeping("two", ["raw/ab/two"], 1.0))
    done, failed = told
    assert done == events.SweepDone("one")
    assert failed.job == "two"
    assert failed.detail.startswith("blob raw/ab/two: Operation not permitted!")
    assert len(failed.detail) == 300, "a message holds no more than some words"


def test_a_worker_that_was_stopped_deletes_nothing_more_of_what_others_were_told_to_since() -> None:
    """A job that is run again makes blobs of the same names: half of a sweep must not meet them."""
    told, now, blobs = list[Any](), [0.0], MemoryBlobs()
    names = [f"processed/ab/job.{number}.0.jpg" for number in range(4)]
    for name in names:
        blobs.put(name, b"of this attempt or the next")

    class Stopped(MemoryBlobs):
        """Its caller is stopped with the second blob."""

        def delete(self, names: list[str]) -> None:
            blobs.delete(names)
            now[0] += 3.0

    housekeeping = Housekeeping(Stopped(), told.append, logging.getLogger("test"), lambda: now[0])
    housekeeping.sweep(events.Sweeping("job", names, 5.0))
    housekeeping.sweep(events.Sweeping("other", names, 5.0))
    assert told == [events.SweepLate("job"), events.SweepLate("other")]
    assert sorted(blobs.blobs) == names[2:]


def test_the_version_before_reads_what_was_done_and_is_read() -> None:
    class Swept(msgspec.Struct, frozen=True, array_like=True):
        jobs: list[str]

    new = wire.encode(wire.Swept(["a"], [("b", WHY)]))
    assert msgspec.msgpack.decode(new, type=tuple[int, str, Swept])[2] == Swept(["a"])
    assert wire.from_worker.decode(msgspec.msgpack.encode((wire.VERSION, "Swept", Swept(["a"])))) == wire.Swept(["a"])


def test_a_step_of_the_scan_that_fails_is_told_and_asked_for_ever_more_seldom() -> None:
    """Before, it was repeated each 10 s for ever, no later file was looked at, and only a worker's log knew."""
    harness, asked = DispatcherHarness(), list[float]()
    harness.receive(A, ready("a"))
    harness.turn(tick=True)
    for _ in range(8000):
        if harness.dispatcher.scan.scanner == A:
            asked.append(harness.now)
            harness.dispatcher.handle(
                NamesListed(A, wire.Found("", [], None, "blob of any name: Permission denied"), []), harness.now
            )
            harness.turn()
        second(harness)
    pauses = [after - before for before, after in itertools.pairwise(asked)]
    assert pauses == pytest.approx([10, 20, 40, 80, 160, 320, 640, 1280, 2560], abs=2.1)
    assert view(harness) == wire.SweepsView(0, 0, "", "blob of any name: Permission denied")
    harness.start()
    harness.receive(A, ready("a"))
    harness.turn(tick=True)
    harness.find(A, [])
    harness.turn()
    assert view(harness) == wire.SweepsView(0, 0, "")


def test_a_worker_says_why_it_could_not_scan(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    told, blobs = list[Any](), LocalBlobs(tmp_path)
    monkeypatch.setattr(blobs, "names", Mock(side_effect=StoreFault("blob of any name: Permission denied")))
    Housekeeping(blobs, told.append, logging.getLogger("test"), lambda: 0.0).scan(wire.OrphanScan("raw/ab/x", 1.0, 10))
    assert told == [events.NamesFound("raw/ab/x", [], None, "blob of any name: Permission denied")]


def test_a_purge_of_many_goes_no_faster_than_workers_delete() -> None:
    count = sweeps.WAITING_MAX + 20
    harness = DispatcherHarness(window=1)
    harness.submit(*(new_job(f"{n:04}") for n in range(count)))
    harness.turn()
    harness.order(wire.Cancel("web", "c", None, Where()))
    harness.turn()
    rows = [harness.row(f"{n:04}") for n in range(count)]
    first, rest = rows[:-10], rows[-10:]
    for part in (first, rest):
        harness.dispatcher.handle(Matched(wire.Purge("web", "p", None, Where()), part, None), harness.now)
    done, waits = harness.turn().acks
    assert (done.changed, waits) == (len(first), wire.Ack("p", wire.REFUSED, code="sweeps_full"))
    harness.receive(A, ready("a"))
    harness.turn()
    harness.receive(A, wire.Swept(list(harness.dispatcher.books.sweeps.sweeping)))
    harness.dispatcher.handle(Matched(wire.Purge("web", "p", None, Where()), rest, None), harness.now)
    assert [ack.changed for ack in harness.turn().acks] == [10]


def test_a_purge_by_name_is_refused_once_very_many_deletions_wait(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sweeps, "SWEEPS_MAX", 1)
    harness = DispatcherHarness()
    harness.submit(new_job("j1"), new_job("j2"))
    harness.turn()
    harness.order(wire.Cancel("web", "c", None, Where()))
    for job, code in (("j1", None), ("j2", "sweeps_full")):
        harness.turn()
        harness.order(wire.Purge("web", "p", job))
        assert [ack.code for ack in harness.turn().acks] == [code]
    assert harness.row("j2").state == "cancelled"


def test_a_sweep_written_and_done_in_one_turn_does_not_come_back_with_a_restart() -> None:
    """It would delete what the job makes when it runs again."""
    harness = DispatcherHarness()
    harness.receive(A, ready("a"))
    harness.submit(new_job("j"))
    harness.turn()
    hidden = Rendition("thumb", "processed/j/j.thumb", "jpeg", 1, 1, 1, "d" * 64)
    harness.order(wire.Cancel("web", "c", "j"))
    harness.receive(A, wire.Published([wire.Publication("j", 1, hidden)]))
    assert swept_of(harness.turn()) == ["j"]
    harness.receive(A, wire.Finished([wire.Finish("j", 1, [hidden])]), wire.Swept(["j"]))
    harness.turn()
    assert harness.row("j").state == "cancelled"
    assert harness.dispatcher.books.sweeps.entries == {}
    assert harness.ledger.restore().sweeps == []
