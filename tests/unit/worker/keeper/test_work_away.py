"""worker/keeper/work.py while its store is away: jobs wait in the worker, and no try is failed for it."""

from types import SimpleNamespace
from typing import BinaryIO

import pytest

from jobs.errors import StoreAway
from jobs.job import Code
from jobs.wire import LeaseRef
from stores.blobs.memory import MemoryBlobs
from tests.unit.worker.keeper.test_work import DONE, FILES, LARGE, SMALL, Desk
from worker.core import events
from worker.keeper import tries, work


class AwayBlobs(MemoryBlobs):
    """A store that is away while `away` is set."""

    away = False
    asked = 0

    def open(self, name: str) -> BinaryIO:
        self._judge()
        return super().open(name)

    def put(self, name: str, data: bytes | bytearray) -> None:
        self._judge()
        super().put(name, data)

    def _judge(self) -> None:
        self.asked += 1
        if self.away:
            raise StoreAway("it does not answer")


class AwayDesk(Desk):
    """A desk whose store can be away, and whose time passes by `wait`."""

    def __init__(self, monkeypatch: pytest.MonkeyPatch) -> None:
        super().__init__(begin=False)
        self.now = 1000.0
        clock = SimpleNamespace(time=lambda: self.now, monotonic=lambda: self.now)
        monkeypatch.setattr(work, "time", clock)
        self.store = AwayBlobs()
        self.blobs = self.work._blobs = self.store

    def wait(self, seconds: float = work.AGAIN_SECONDS) -> None:
        self.now += seconds
        self.work.publish()

    def kinds(self) -> list[type]:
        return [type(each) for each in self.notified]


@pytest.fixture
def desk(monkeypatch: pytest.MonkeyPatch) -> AwayDesk:
    desk = AwayDesk(monkeypatch)
    desk.begin("a")
    desk.notified.clear()
    return desk


def begin_away(desk: AwayDesk, job: str) -> None:
    """The session begins a job while the store is away. (Its original was stored before.)"""
    desk.store.away = False
    put, desk.store.put = desk.store.put, lambda *_: None  # type: ignore[method-assign]
    MemoryBlobs.put(desk.store, f"raw/{job}/{job}", b"original")
    desk.store.away = True
    desk.begin(job)
    desk.store.put = put  # type: ignore[method-assign]


def test_finished_renditions_are_kept_until_the_store_is_back(desk: AwayDesk) -> None:
    desk.render(LARGE, FILES["large"])
    desk.store.away = True
    desk.render(SMALL, FILES["small"])
    desk.said(DONE)
    for _ in range(50):
        desk.wait()
    assert events.RenditionLanded not in desk.kinds()
    assert events.DecoderFailed not in desk.kinds()
    desk.store.away = False
    desk.wait()
    assert desk.kinds().count(events.RenditionLanded) == 2
    assert desk.kinds()[-1] is events.DecoderFinished


def test_a_store_that_is_away_is_asked_once_in_a_while_and_not_in_each_turn(desk: AwayDesk) -> None:
    desk.render(LARGE, FILES["large"])
    desk.store.away = True
    desk.said()
    asked = desk.store.asked
    for _ in range(99):
        desk.wait(work.AGAIN_SECONDS / 100)
    assert desk.store.asked == asked
    desk.wait(work.AGAIN_SECONDS / 50)
    assert desk.store.asked == asked + 1


def test_a_store_that_stays_away_costs_the_try_at_last(desk: AwayDesk) -> None:
    desk.store.away = True
    for word, name in ((LARGE, "large"), (SMALL, "small")):
        desk.render(word, FILES[name])
    desk.said(DONE)
    desk.wait(tries.PATIENCE_SECONDS - 1)
    assert events.DecoderFailed not in desk.kinds()
    desk.wait()
    (failed,) = [each for each in desk.notified if isinstance(each, events.DecoderFailed)]
    assert failed.code == Code.STORE_ERROR
    desk.store.away = False
    desk.wait()
    assert events.DecoderFinished not in desk.kinds()


def test_a_job_waits_for_its_original_and_begins_when_the_store_is_back(desk: AwayDesk) -> None:
    for word, name in ((LARGE, "large"), (SMALL, "small")):
        desk.render(word, FILES[name])
    desk.said(DONE)
    given = desk.children.given
    desk.notified.clear()
    begin_away(desk, "b")
    desk.wait()
    desk.work.decoder_ready()
    assert desk.kinds() == []
    desk.store.away = False
    desk.wait()
    assert desk.children.given == given + 1
    assert desk.kinds() == []


def test_a_waiting_job_that_is_taken_back_leaves_the_decoder_to_others(desk: AwayDesk) -> None:
    for word, name in ((LARGE, "large"), (SMALL, "small")):
        desk.render(word, FILES[name])
    desk.said(DONE)
    desk.notified.clear()
    begin_away(desk, "b")
    desk.work.kill(LeaseRef("b", 2))
    assert desk.kinds() == []
    desk.work.kill(LeaseRef("b", 1))
    assert desk.kinds() == [events.DecoderIdle]
    desk.store.away = False
    given = desk.children.given
    desk.wait()
    assert desk.children.given == given


def test_a_finished_try_that_waits_is_dropped_when_its_lease_is(desk: AwayDesk) -> None:
    desk.store.away = True
    for word, name in ((LARGE, "large"), (SMALL, "small")):
        desk.render(word, FILES[name])
    desk.said(DONE)
    desk.work.kill(LeaseRef("a", 1))
    desk.store.away = False
    desk.wait()
    assert events.RenditionLanded not in desk.kinds()
    assert not desk.store.blobs.keys() - {"raw/a/a"}


def test_two_finished_tries_wait_and_end_in_their_order(desk: AwayDesk) -> None:
    for job in ("a", "b"):
        for word, name in ((LARGE, "large"), (SMALL, "small")):
            desk.render(word, FILES[name])
        desk.work.decoder_said(DONE, None)
        if job == "a":
            desk.begin("b")  # before the store is asked for the first one's renditions
            desk.store.away = True
            desk.work.publish()
    desk.store.away = False
    desk.wait()
    finished = [each.job for each in desk.notified if isinstance(each, events.DecoderFinished)]
    assert finished == ["a", "b"]
