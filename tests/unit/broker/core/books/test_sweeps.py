"""A sweep that cannot be done: it is told, asked for ever more seldom, shown, and nothing stops for it."""

import itertools
import logging
from pathlib import Path
from typing import Any
from unittest.mock import Mock

import msgspec
import pytest

from broker.core.books import sweeps
from broker.core.books.events import Matched, Walked
from jobs import wire
from jobs.errors import StoreFault
from jobs.job import Rendition
from jobs.records import Where
from stores.blobs.local import LocalBlobs
from stores.blobs.memory import MemoryBlobs
from tests.properties.rig import Done, Rig, new_job, ready
from worker.core import events
from worker.keeper.housekeeping import Housekeeping

A, B = b"a", b"b"
WHY = "blob raw/j/j: Permission denied"


def rig_with_sweeps(*jobs: str, **policy: Any) -> Rig:
    """A worker at peer a, which was told to delete the files of these purged jobs."""
    rig = Rig(**policy)
    rig.submit(*map(new_job, jobs))
    rig.turn()
    for job in jobs:
        rig.order(wire.Cancel("web", job, job))
    rig.turn()
    for job in jobs:
        rig.order(wire.Purge("web", job, job))
    rig.turn()
    rig.hear(A, ready("a"))
    assert swept_of(rig.turn(tick=True)) == [*jobs]
    return rig


def swept_of(done: Done) -> list[str]:
    """The jobs whose files workers are told to delete."""
    return [job for _, message in done.sends if isinstance(message, wire.Sweep) for job, _ in message.sweeps]


def refuse(rig: Rig, *jobs: str, why: str = WHY) -> None:
    rig.hear(A, wire.Swept([], [(job, why) for job in jobs]))


def second(rig: Rig) -> Done:
    """A second passes, in which worker a says that it lives."""
    rig.now += 1.0
    rig.hear(A, wire.WorkerBeat([]))
    return rig.turn(tick=True)


def view(rig: Rig) -> wire.SweepsView | None:
    rig.now += 2.0
    rig.turn(tick=True)
    return [effects.beat for effects in rig.last if effects.beat][-1].sweeps


@pytest.mark.parametrize("told", [True, False], ids=["told", "by the version before, which says nothing"])
def test_what_cannot_be_done_is_asked_for_ever_more_seldom(told: bool) -> None:
    rig, offers = rig_with_sweeps("j"), [0.0]
    for _ in range(20_000):
        if told and "j" in rig.dispatcher.books.sweeps.sweeping:
            refuse(rig, "j")
        if swept_of(second(rig)):
            offers.append(rig.now)
    pauses = [after - before for before, after in itertools.pairwise(offers)]
    assert pauses == pytest.approx([60, 120, 240, 480, 960, 1920, 3600, 3600, 3600, 3600], abs=1.1)


def test_one_that_can_be_done_at_last_is_gone() -> None:
    rig = rig_with_sweeps("j")
    refuse(rig, "j")
    for _ in range(62):
        second(rig)
    rig.hear(A, wire.Swept(["j"]))
    rig.turn()
    assert rig.ledger.restore().sweeps == []
    assert view(rig) == wire.SweepsView(0, 0, "")
    rig.dispatcher.check()


def test_a_restart_asks_at_once_for_somebody_may_have_mended_it() -> None:
    rig = rig_with_sweeps("j")
    refuse(rig, "j")
    rig.turn()
    rig.start()
    rig.hear(A, ready("a"))
    assert swept_of(rig.turn(tick=True)) == ["j"]


def test_the_beat_says_how_many_fail_and_why() -> None:
    rig = rig_with_sweeps("i", "j", "k")
    assert view(rig) == wire.SweepsView(3, 0, "")
    refuse(rig, "i", "j")
    assert view(rig) == wire.SweepsView(3, 2, WHY)


def test_only_whoever_was_told_to_delete_may_say_that_it_failed() -> None:
    rig = rig_with_sweeps("j")
    rig.hear(B, ready("b"))
    rig.hear(B, wire.Swept([], [("j", WHY), ("nothing", WHY)]))
    rig.turn()
    assert view(rig) == wire.SweepsView(1, 0, "")


def test_those_that_fail_keep_no_worker_from_those_that_can_be_done() -> None:
    rig = rig_with_sweeps(*(f"{n:03}" for n in range(100)))
    refuse(rig, *(f"{n:03}" for n in range(100)))
    rig.order(wire.Pause("web", "so that no job runs"))
    rig.submit(new_job("new"))
    rig.turn()
    rig.order(wire.Cancel("web", "c", "new"))
    rig.turn()
    rig.order(wire.Purge("web", "p", "new"))
    assert swept_of(rig.turn()) == ["new"]


def failing(rig: Rig) -> int:
    """Each second worker a can delete nothing of what it was told to; how many rows are left at last."""
    for _ in range(40):
        refuse(rig, *rig.dispatcher.books.sweeps.sweeping)
        second(rig)
        rig.dispatcher.check()
    return len(rig.ledger.rows)


def test_retention_goes_on_beside_a_thousand_that_fail() -> None:
    """Up to so many that memory would be at stake."""
    rig = Rig(retention_seconds=10.0, window=1)
    rig.submit(*(new_job(f"{n:04}") for n in range(2500)))
    rig.turn()
    rig.order(wire.Cancel("web", "c", None, Where()))
    rig.turn()
    rig.now += 20.0
    rig.hear(A, ready("a"))
    assert failing(rig) == 0
    assert view(rig) == wire.SweepsView(2500, 2500, WHY)


def test_retention_stops_where_too_many_fail(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sweeps, "STUCK_MAX", 500)
    rig = Rig(retention_seconds=10.0, window=1)
    rig.submit(*(new_job(f"{n:04}") for n in range(2500)))
    rig.turn()
    rig.order(wire.Cancel("web", "c", None, Where()))
    rig.turn()
    rig.now += 20.0
    rig.hear(A, ready("a"))
    assert failing(rig) >= 2500 - 500 - sweeps.WAITING_MAX - 100


def test_the_walk_goes_on_beside_a_thousand_that_fail() -> None:
    rig = Rig()
    rig.hear(A, ready("a"))
    rig.turn(tick=True)
    rig.find(A, [f"raw/zz/{number}" for number in range(1001)], following="raw/zz/x")
    rig.turn()
    for _ in range(20):
        refuse(rig, *rig.dispatcher.books.sweeps.sweeping)
        second(rig)
    assert rig.dispatcher.walk.after == "raw/zz/x"
    assert rig.dispatcher.walk.walker == A, "nobody was asked for the next step"


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


def test_a_step_of_the_walk_that_fails_is_told_and_asked_for_ever_more_seldom() -> None:
    """Before, it was repeated each 10 s for ever, no later file was looked at, and only a worker's log knew."""
    rig, asked = Rig(), list[float]()
    rig.hear(A, ready("a"))
    rig.turn(tick=True)
    for _ in range(8000):
        if rig.dispatcher.walk.walker == A:
            asked.append(rig.now)
            rig.dispatcher.handle(
                Walked(A, wire.Found("", [], None, "blob of any name: Permission denied"), []), rig.now
            )
            rig.turn()
        second(rig)
    pauses = [after - before for before, after in itertools.pairwise(asked)]
    assert pauses == pytest.approx([10, 20, 40, 80, 160, 320, 640, 1280, 2560], abs=2.1)
    assert view(rig) == wire.SweepsView(0, 0, "", "blob of any name: Permission denied")
    rig.start()
    rig.hear(A, ready("a"))
    rig.turn(tick=True)
    rig.find(A, [])
    rig.turn()
    assert view(rig) == wire.SweepsView(0, 0, "")


def test_a_worker_says_why_it_could_not_walk(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    told, blobs = list[Any](), LocalBlobs(tmp_path)
    monkeypatch.setattr(blobs, "names", Mock(side_effect=StoreFault("blob of any name: Permission denied")))
    Housekeeping(blobs, told.append, logging.getLogger("test"), lambda: 0.0).walk(wire.Walk("raw/ab/x", 1.0, 10))
    assert told == [events.NamesFound("raw/ab/x", [], None, "blob of any name: Permission denied")]


def test_a_purge_of_many_goes_no_faster_than_workers_delete() -> None:
    count = sweeps.WAITING_MAX + 20
    rig = Rig(window=1)
    rig.submit(*(new_job(f"{n:04}") for n in range(count)))
    rig.turn()
    rig.order(wire.Cancel("web", "c", None, Where()))
    rig.turn()
    rows = [rig.row(f"{n:04}") for n in range(count)]
    first, rest = rows[:-10], rows[-10:]
    for part in (first, rest):
        rig.dispatcher.handle(Matched(wire.Purge("web", "p", None, Where()), part, None), rig.now)
    done, waits = rig.turn().acks
    assert (done.changed, waits) == (len(first), wire.Ack("p", wire.REFUSED, code="sweeps_full"))
    rig.hear(A, ready("a"))
    rig.turn()
    rig.hear(A, wire.Swept(list(rig.dispatcher.books.sweeps.sweeping)))
    rig.dispatcher.handle(Matched(wire.Purge("web", "p", None, Where()), rest, None), rig.now)
    assert [ack.changed for ack in rig.turn().acks] == [10]


def test_a_purge_by_name_is_refused_once_very_many_deletions_wait(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sweeps, "SWEEPS_MAX", 1)
    rig = Rig()
    rig.submit(new_job("j1"), new_job("j2"))
    rig.turn()
    rig.order(wire.Cancel("web", "c", None, Where()))
    for job, code in (("j1", None), ("j2", "sweeps_full")):
        rig.turn()
        rig.order(wire.Purge("web", "p", job))
        assert [ack.code for ack in rig.turn().acks] == [code]
    assert rig.row("j2").state == "cancelled"


def test_a_sweep_written_and_done_in_one_turn_does_not_come_back_with_a_restart() -> None:
    """It would delete what the job makes when it runs again."""
    rig = Rig()
    rig.hear(A, ready("a"))
    rig.submit(new_job("j"))
    rig.turn()
    hidden = Rendition("thumb", "processed/j/j.thumb", "jpeg", 1, 1, 1, "d" * 64)
    rig.order(wire.Cancel("web", "c", "j"))
    rig.hear(A, wire.Published([wire.Publication("j", 1, hidden)]))
    assert swept_of(rig.turn()) == ["j"]
    rig.hear(A, wire.Finished([wire.Finish("j", 1, [hidden])]), wire.Swept(["j"]))
    rig.turn()
    assert rig.row("j").state == "cancelled"
    assert rig.dispatcher.books.sweeps.entries == {}
    assert rig.ledger.restore().sweeps == []
