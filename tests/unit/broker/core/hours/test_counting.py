"""The interval under way: what is counted in it, when its row is written, and what a restart goes on with."""

from math import inf

import pytest

from broker.core.hours.counting import LOOK_SECONDS_MAX, WRITE_SECONDS, Hours
from jobs.intervals import STEP_SECONDS, Figures, Slow, decode_figures, encode_figures
from jobs.records import IntervalEntry

WALL = 1_790_000_100.0
"""The beginning of an interval; `now` is 0 then."""


def looked(hours: Hours, seconds: float, since: float = 0.0) -> list[IntervalEntry]:
    """Look each second until `seconds` after WALL. Returns all that was to be written."""
    written: list[IntervalEntry] = []
    for second in range(int(since), int(seconds) + 1):
        written += hours.look(float(second), WALL + second)
    return written


def begun(entry: IntervalEntry | None = None) -> Hours:
    hours = Hours()
    hours.restore(entry, 0.0)
    return hours


def done(hours: Hours, job: str, accepted_at: float, began_at: float | None, at: float) -> None:
    hours.ended(job, "t", "done", None, accepted_at, began_at, at)


def test_an_idle_broker_writes_an_interval_once_when_it_is_over() -> None:
    assert WALL % STEP_SECONDS == 0.0
    (entry,) = looked(begun(), STEP_SECONDS)
    assert entry.at == int(WALL)
    assert decode_figures(entry.figures) == Figures(counted_seconds=float(STEP_SECONDS - 1))


def test_changes_are_written_with_a_pause_between_and_once() -> None:
    hours = begun()
    hours.accepted(2)
    written = looked(hours, 3 * WRITE_SECONDS)
    assert [decode_figures(entry.figures).accepted for entry in written] == [2]
    hours.accepted(1)
    (entry,) = looked(hours, 4 * WRITE_SECONDS, 3 * WRITE_SECONDS + 1)
    assert (entry.at, decode_figures(entry.figures).accepted) == (int(WALL), 3)


def test_a_row_that_changes_each_second_is_written_with_the_same_pause() -> None:
    hours, written = begun(), list[float]()
    for second in range(int(3 * WRITE_SECONDS) + 1):
        hours.accepted(1)
        written += [float(second)] * len(hours.look(float(second), WALL + second))
    assert written == [WRITE_SECONDS, 2 * WRITE_SECONDS, 3 * WRITE_SECONDS]


def test_ends_are_counted_by_state_and_code_with_their_times() -> None:
    hours = begun()
    done(hours, "a", 10.0, 11.0, 14.0)
    hours.ended("b", "", "failed", "undecodable", 10.0, 12.0, 12.5)
    hours.ended("c", "", "cancelled", "cancelled", 10.0, None, 30.0)
    figures = hours.figures
    assert figures.ended == {"done": 1, "failed": 1, "cancelled": 1}
    assert figures.codes == {"undecodable": 1, "cancelled": 1}
    assert (figures.runs.count, figures.runs.mean) == (2, 1.75)
    assert (figures.waits.count, figures.waits.mean) == (2, 1.5)
    assert figures.slowest == [Slow("a", "t", 3.0), Slow("b", "", 0.5)]


def test_the_wait_of_a_requeued_job_says_nothing() -> None:
    hours = begun()
    done(hours, "a", inf, 11.0, 14.0)
    assert (hours.figures.waits.count, hours.figures.runs.count) == (0, 1)


def test_a_clock_that_was_put_back_makes_no_negative_time() -> None:
    hours = begun()
    done(hours, "a", 10.0, 20.0, 15.0)
    assert (hours.figures.runs.seconds, hours.figures.runs.parts[0]) == (0.0, 1)


def test_only_the_slowest_jobs_are_named_also_after_a_restart() -> None:
    hours = begun()
    for number in range(20):
        done(hours, f"j{number}", 0.0, 0.0, float(number % 10) + number / 100)
    names = [slow.job for slow in hours.figures.slowest]
    assert names == ["j19", "j9", "j18", "j8", "j17"]
    again = begun(IntervalEntry(int(WALL), encode_figures(hours.figures)))
    done(again, "quick", 0.0, 0.0, 7.0)
    done(again, "slow", 0.0, 0.0, 8.5)
    assert [slow.job for slow in again.figures.slowest] == ["j19", "j9", "slow", "j18", "j8"]


def test_the_most_that_waited_and_the_fewest_and_most_workers_are_kept() -> None:
    hours = begun()
    for queued, oldest, workers in [(3, 1.0, 2), (9, 4.0, 0), (0, 0.0, 4)]:
        hours.seen(queued, oldest, workers)
    figures = hours.figures
    assert (figures.queued_max, figures.oldest_seconds) == (9, 4.0)
    assert (figures.workers_min, figures.workers_max) == (0, 4)
    looked(hours, STEP_SECONDS)
    hours.seen(0, 0.0, 3)
    assert (hours.figures.workers_min, hours.figures.workers_max) == (3, 3), "the next interval begins anew"


def test_a_restart_within_an_interval_goes_on_with_its_row_and_writes_nothing_new() -> None:
    stored = Figures(100.0, 5, {"done": 4}, workers_min=1, workers_max=2)
    hours = begun(IntervalEntry(int(WALL), encode_figures(stored)))
    assert looked(hours, 2 * WRITE_SECONDS) == []
    hours.accepted(1)
    hours.seen(0, 0.0, 3)
    (entry,) = looked(hours, STEP_SECONDS - 1, 2 * WRITE_SECONDS + 1)
    figures = decode_figures(entry.figures)
    assert (figures.accepted, figures.ended) == (6, {"done": 4})
    assert (figures.workers_min, figures.workers_max) == (1, 3)


def test_intervals_without_a_broker_are_gaps() -> None:
    old = IntervalEntry(int(WALL) - 3 * STEP_SECONDS, encode_figures(Figures(50.0, 5)))
    hours = begun(old)
    (entry,) = looked(hours, STEP_SECONDS)
    assert (entry.at, decode_figures(entry.figures).accepted) == (int(WALL), 0)


def test_time_in_which_the_process_stood_still_is_not_counted() -> None:
    hours = begun()
    looked(hours, 10)
    hours.look(200.0, WALL + 200.0)
    hours.look(200.5, WALL + 200.5)
    (entry,) = hours.look(201.0, WALL + STEP_SECONDS)
    assert decode_figures(entry.figures).counted_seconds == pytest.approx(10.0 + LOOK_SECONDS_MAX + 0.5)


def test_a_clock_that_is_put_back_begins_the_earlier_interval_anew() -> None:
    hours = begun()
    looked(hours, 10)
    hours.accepted(1)
    (over,) = hours.look(11.0, WALL - STEP_SECONDS)
    assert (over.at, decode_figures(over.figures).accepted) == (int(WALL), 1)
    assert hours.figures.accepted == 0
