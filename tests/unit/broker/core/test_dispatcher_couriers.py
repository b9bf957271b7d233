"""A courier is a connected worker that gets no image, no sweep and no scan."""

from jobs import wire
from tests.properties.harness import DispatcherHarness, new_job, ready
from tests.unit.broker.core.test_dispatcher import A, B


def courier(name: str, slots: int = 8) -> wire.Ready:
    """A courier's introduction. A forged `capacity` gives it nothing."""
    return wire.Ready(name, name, 1, 5, "engine", [], kind=wire.COURIER, slots=slots)


def test_a_courier_is_welcome_and_gets_no_image() -> None:
    harness = DispatcherHarness()
    harness.receive(A, courier("c"))
    harness.submit(new_job("j"))
    sends = harness.turn(tick=True).sends
    assert {type(message) for _, message in sends} == {wire.Welcome, wire.BrokerBeat}
    harness.receive(B, ready("w", capacity=1))
    assert [(peer, type(said)) for peer, said in harness.turn().sends if isinstance(said, wire.Assign)] == [
        (B, wire.Assign)
    ]
    harness.dispatcher.check()


def test_a_beat_shows_it_with_its_slots_and_counts_no_engine_of_it() -> None:
    harness = DispatcherHarness()
    harness.receive(A, courier("c", slots=8))
    harness.turn(tick=True)
    (beat,) = [effects.beat for effects in harness.last if effects.beat is not None]
    (view,) = beat.workers
    assert (view.kind, view.capacity, view.state) == (wire.COURIER, 8, "idle")
    assert beat.waiting is not None and beat.waiting.free == []
    assert not harness.dispatcher.books.roster.engines


def test_a_silent_courier_is_given_up_like_any_worker() -> None:
    harness = DispatcherHarness(silence_seconds=5.0)
    harness.receive(A, courier("c"))
    for _ in range(6):
        harness.turn(tick=True)
        harness.now += 1.0
    harness.turn(tick=True)
    roster = harness.dispatcher.books.roster
    assert not roster.by_peer and not roster.couriers
    harness.dispatcher.check()
