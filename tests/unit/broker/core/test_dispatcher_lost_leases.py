"""Each lease whose holder is gone is told once, with the holder's name and the reason: for the log."""

from broker.core.books.events import LostLease
from jobs.wire import LeaseRef, Returned
from tests.properties.harness import DispatcherHarness
from tests.unit.broker.core.test_dispatcher import A, begin, harness_with


def lost(harness: DispatcherHarness, tick: bool = False) -> list[LostLease]:
    """What the next turn tells."""
    harness.turn(tick=tick)
    return [lease for effects in harness.last for lease in effects.lost]


def test_a_worker_that_died_lost_each_of_its_jobs_once() -> None:
    harness = harness_with("j", "k", capacity=2)
    begin(harness, "j")
    harness.turn()
    harness.lose(A)
    assert sorted(lost(harness)) == [
        LostLease("j", 1, "a", 1, "its process died"),
        LostLease("k", 1, "a", 0, "its process died"),
    ]
    assert lost(harness, tick=True) == []


def test_a_silent_worker_lost_its_job() -> None:
    harness = harness_with("j")
    told = []
    for _ in range(int(harness.policy.silence_seconds) + 2):
        harness.now += harness.policy.beat_seconds
        told += lost(harness, tick=True)
    assert told == [LostLease("j", 1, "a", 0, "unheard for too long")]


def test_a_worker_that_did_not_come_back_after_a_restart_is_named() -> None:
    harness = harness_with("j")
    harness.start()
    harness.now += 2.2
    assert lost(harness, tick=True) == [LostLease("j", 1, "a", 0, "its worker did not come back")]


def test_a_job_that_was_given_back_is_not_lost() -> None:
    harness = harness_with("j")
    harness.receive(A, Returned([LeaseRef("j", 1)]))
    assert lost(harness) == []
