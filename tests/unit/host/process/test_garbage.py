"""When all objects are looked at for garbage: while that is short, else late, and never by the interpreter's rule."""

import gc
from collections.abc import Iterator

import pytest

from host.process.garbage import EVERY_SECONDS, LATEST_SECONDS, Collector, keep_pauses_short


@pytest.fixture
def restored() -> Iterator[None]:
    thresholds = gc.get_threshold()
    yield
    gc.set_threshold(*thresholds)
    gc.unfreeze()


def test_all_objects_are_looked_at_once_a_minute_while_that_is_short() -> None:
    collector, start = Collector(), 1e6
    ticks = [seconds for seconds in range(300) if collector.tick(start + seconds, is_short=True)]
    assert ticks == [0, 60, 120, 180, 240]
    assert EVERY_SECONDS == 60


def test_else_after_an_hour_or_as_soon_as_it_is_short_again() -> None:
    collector, start = Collector(), 1e6
    assert collector.tick(start, is_short=False)
    assert not any(collector.tick(start + seconds, is_short=False) for seconds in range(int(LATEST_SECONDS)))
    assert collector.tick(start + LATEST_SECONDS, is_short=False)
    assert not collector.tick(start + LATEST_SECONDS + EVERY_SECONDS - 1, is_short=True)
    assert collector.tick(start + LATEST_SECONDS + EVERY_SECONDS, is_short=True)


def test_a_circle_is_found_by_a_look_and_old_objects_are_not_looked_at_between(restored: None) -> None:
    keep_pauses_short()
    looks: list[int] = []

    def look(phase: str, info: dict[str, int]) -> None:
        if phase == "start":
            looks.append(info["generation"])

    gc.callbacks.append(look)
    try:
        held = [[number] for number in range(200_000)]
        assert looks
        assert 2 not in looks
        held[0].append(held)  # type: ignore[arg-type]
        del held
        assert Collector().tick(1e6, is_short=True)
    finally:
        gc.callbacks.remove(look)
    assert looks[-1] == 2
    assert gc.collect() == 0
