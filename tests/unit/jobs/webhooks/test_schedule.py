"""The schedule of attempts, and what ends or delays a delivery."""

import pytest

from jobs.deliveries import DeliveryState
from jobs.webhooks.schedule import (
    FAILURES_IN_A_ROW,
    JITTER,
    PROBE_SECONDS_MAX,
    RETRY_AFTER_SECONDS_MAX,
    SCHEDULE,
    Verdict,
    after_attempt,
    delay_seconds,
    is_success,
    probe_seconds,
)


def test_the_schedule_is_that_of_the_specification() -> None:
    assert list(SCHEDULE) == [0, 5, 300, 1800, 7200, 18_000, 36_000, 50_400, 72_000, 86_400]


@pytest.mark.parametrize("tries", range(1, len(SCHEDULE)))
def test_a_delay_is_its_step_and_up_to_a_tenth_more_and_a_replay_repeats_it(tries: int) -> None:
    delays = [delay_seconds(f"d{number}-0000000", tries) for number in range(200)]
    assert delays == [delay_seconds(f"d{number}-0000000", tries) for number in range(200)]
    assert SCHEDULE[tries] <= min(delays) < SCHEDULE[tries] * (1 + JITTER / 4)
    assert SCHEDULE[tries] * (1 + JITTER * 3 / 4) < max(delays) <= SCHEDULE[tries] * (1 + JITTER)


@pytest.mark.parametrize(
    ("status", "state"),
    [
        (200, DeliveryState.DELIVERED), (204, DeliveryState.DELIVERED), (299, DeliveryState.DELIVERED),
        (0, DeliveryState.WAITING), (199, DeliveryState.WAITING), (300, DeliveryState.WAITING),
        (301, DeliveryState.WAITING), (404, DeliveryState.WAITING), (500, DeliveryState.WAITING),
        (410, DeliveryState.STOPPED),
    ],
)  # fmt: skip
def test_only_2xx_is_a_success_and_410_stops(status: int, state: DeliveryState) -> None:
    assert after_attempt("d1-0000000", 1, status, None).state is state
    assert is_success(status) == (state is DeliveryState.DELIVERED)


def test_the_last_try_fails_unless_it_succeeds() -> None:
    last = len(SCHEDULE)
    assert after_attempt("d", last - 1, 500, None).state is DeliveryState.WAITING
    assert after_attempt("d", last, 500, 60.0) == Verdict(DeliveryState.FAILED)
    assert after_attempt("d", last, 200, None) == Verdict(DeliveryState.DELIVERED)


def test_retry_after_only_lengthens_a_wait_and_is_bounded() -> None:
    plain = after_attempt("d", 2, 503, None).delay_seconds
    assert after_attempt("d", 2, 503, 1.0).delay_seconds == plain
    assert after_attempt("d", 2, 503, 4000.0).delay_seconds == 4000.0
    assert after_attempt("d", 2, 503, 1e9).delay_seconds == RETRY_AFTER_SECONDS_MAX


def test_probes_begin_after_failures_in_a_row_and_are_minutes_apart() -> None:
    assert [probe_seconds(failures) for failures in range(FAILURES_IN_A_ROW)] == [0.0] * FAILURES_IN_A_ROW
    assert probe_seconds(FAILURES_IN_A_ROW) == SCHEDULE[1]
    assert probe_seconds(FAILURES_IN_A_ROW + 1) == probe_seconds(10**6) == PROBE_SECONDS_MAX
