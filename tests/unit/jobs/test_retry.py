"""jobs/retry.py: the table of outcomes in docs/architecture.md, row by row."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from jobs.job import Code, State
from jobs.retry import (
    BACKOFF_SECONDS_MAX,
    LOSSES_MAX,
    Again,
    End,
    after_failure,
    after_loss_unstarted,
    backoff_seconds,
)


def after(code: Code, attempts: int = 1, crashes: int = 0, memory_tries: int = 0) -> Again | End:
    return after_failure(code, job="j", attempts=attempts, attempts_max=5, crashes=crashes, memory_tries=memory_tries)


@pytest.mark.parametrize(
    "code",
    [
        "undecodable", "pixels_over_limit", "frames_over_limit", "operation_failed", "sandbox_violation",
        "deadline_exceeded",
    ],
)  # fmt: skip
def test_faults_of_the_input_end_it_at_once(code: str) -> None:
    assert after(Code(code)) == End(State.FAILED, Code(code))


def test_an_original_that_is_gone_is_dead() -> None:
    assert after(Code.ORIGINAL_MISSING) == End(State.DEAD, Code.ORIGINAL_MISSING)


def test_out_of_memory_is_tried_once_more_alone() -> None:
    assert after(Code.MEMORY_OVER_LIMIT, memory_tries=1) == Again(alone=True)
    assert after(Code.MEMORY_OVER_LIMIT, attempts=2, memory_tries=2) == End(State.FAILED, Code.MEMORY_OVER_LIMIT)


def test_two_crashes_of_its_own_doing_quarantine() -> None:
    assert after(Code.DECODER_CRASHED, crashes=1) == Again(alone=True)
    assert after(Code.DECODER_CRASHED, attempts=2, crashes=2) == End(State.DEAD, Code.DECODER_CRASHED, quarantine=True)


def test_lost_decoders_are_answered_at_once_twice_then_back_off_then_end() -> None:
    assert [after(Code.DECODER_LOST, attempts=n) for n in (1, 2)] == [Again(), Again()]
    third, fourth = after(Code.DECODER_LOST, attempts=3), after(Code.DECODER_LOST, attempts=4)
    assert isinstance(third, Again)
    assert isinstance(fourth, Again)
    assert (third.delay_seconds, fourth.delay_seconds) == (backoff_seconds("j", 1), backoff_seconds("j", 2))
    assert third.delay_seconds < fourth.delay_seconds
    assert after(Code.DECODER_LOST, attempts=5) == End(State.DEAD, Code.ATTEMPTS_USED_UP)


def test_errors_of_a_store_back_off_from_the_first() -> None:
    assert [after(Code.STORE_ERROR, attempts=n) for n in (0, 1, 2, 4)] == [
        Again(backoff_seconds("j", nth)) for nth in (1, 1, 2, 4)
    ]
    assert after(Code.STORE_ERROR, attempts=5) == End(State.DEAD, Code.ATTEMPTS_USED_UP)


def test_leases_lost_before_a_decoder_began_are_given_again_until_there_were_twenty() -> None:
    assert after_loss_unstarted(LOSSES_MAX - 1) == Again()
    assert after_loss_unstarted(LOSSES_MAX) == End(State.DEAD, Code.LOST_TOO_OFTEN)
    assert LOSSES_MAX == 20


@given(st.text(), st.integers(1, 60))
def test_back_off_doubles_to_its_bound_with_jitter_of_half(job: str, nth: int) -> None:
    step = min(BACKOFF_SECONDS_MAX, 0.5 * 2 ** (nth - 1))
    assert step / 2 <= backoff_seconds(job, nth) <= step
    assert backoff_seconds(job, nth) == backoff_seconds(job, nth)


def test_jitter_spreads_jobs_and_the_tries_of_each_over_the_half_step() -> None:
    """Jobs that failed together, such as at a store that was away, must not come back together."""
    for waits in (
        [backoff_seconds(f"job {number}", 1) for number in range(100)],
        [backoff_seconds("job", nth) / 2 ** (nth - 1) for nth in range(1, 8)],
    ):
        assert len(set(waits)) == len(waits)
        assert max(waits) - min(waits) > 0.1
