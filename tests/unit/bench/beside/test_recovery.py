"""bench/beside/recovery.py: when the next start came after a kill."""

import pytest

from bench.beside.recovery import next_start
from bench.peers.whole.stacks import Start

STARTS = [Start("done", 1.0), Start("hit", 2.0), Start("new", 2.5), Start("hit", 3.0), Start("hit", 4.0)]


def test_the_next_start_is_of_a_job_that_had_started_before() -> None:
    assert next_start(STARTS, 2.1, any_job=False) == pytest.approx(900)


def test_after_the_queue_was_killed_any_start_counts() -> None:
    assert next_start(STARTS, 2.1, any_job=True) == pytest.approx(400)


def test_a_job_that_never_starts_again_has_no_figure() -> None:
    assert next_start(STARTS[:3], 2.1, any_job=False) is None
    assert next_start([], 2.1, any_job=True) is None
