"""The breaker: one failure ends the asking, one probe begins it again, and nobody asks beside the probe."""

from stores.cache.breaker import PAUSE_SECONDS_FIRST, PAUSE_SECONDS_MOST, Breaker


def test_a_server_that_answers_is_always_asked() -> None:
    breaker = Breaker()
    for now in (0.0, 0.0, 5.0):
        assert breaker.allows(now, probe=False) and breaker.allows(now, probe=True)
        breaker.answered()
    assert not breaker.is_open


def test_after_a_failure_nobody_asks_until_the_pause_is_over() -> None:
    breaker = Breaker()
    breaker.failed(100.0)
    assert breaker.is_open
    for now in (100.0, 100.0 + PAUSE_SECONDS_FIRST - 0.001):
        assert not breaker.allows(now, probe=True)
    assert breaker.allows(100.0 + PAUSE_SECONDS_FIRST, probe=True)


def test_only_a_probe_asks_a_server_that_failed() -> None:
    breaker = Breaker()
    breaker.failed(0.0)
    assert not breaker.allows(1_000.0, probe=False)
    assert breaker.allows(1_000.0, probe=True)


def test_nobody_asks_beside_a_probe() -> None:
    breaker = Breaker()
    breaker.failed(0.0)
    assert breaker.allows(10.0, probe=True)
    assert not breaker.allows(10.0, probe=True)
    assert not breaker.allows(10.0, probe=False)
    assert breaker.allows(10.0 + PAUSE_SECONDS_FIRST, probe=True), "a probe whose end nobody told is no end of all"


def test_each_failure_doubles_the_pause_up_to_the_most() -> None:
    breaker, now, pauses = Breaker(), 50.0, []
    for _ in range(6):
        breaker.failed(now)
        began = now
        while not breaker.allows(now, probe=True):
            now += 0.5
        pauses.append(now - began)
    assert pauses == [1.0, 2.0, 4.0, 8.0, PAUSE_SECONDS_MOST, PAUSE_SECONDS_MOST]


def test_an_answer_closes_the_breaker_and_forgets_the_pauses() -> None:
    breaker = Breaker()
    for now in (0.0, 10.0, 20.0):
        breaker.failed(now)
    breaker.answered()
    assert not breaker.is_open
    assert breaker.allows(20.0, probe=False)
    breaker.failed(30.0)
    assert breaker.allows(30.0 + PAUSE_SECONDS_FIRST, probe=True)
