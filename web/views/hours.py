"""The last hours as the API shows them, in intervals of five minutes. Pure: entries of the ledger in, structs out."""

from collections.abc import Sequence
from typing import Annotated

from msgspec import Struct

from jobs.intervals import (
    HOUR_INTERVALS,
    STEP_SECONDS,
    Figures,
    Slow,
    Times,
    codes_of,
    decode_figures,
    slowest_of,
)
from jobs.records import IntervalEntry
from web.views.fields import Counts, Id, Moment, Number, Whole, moment, says

_P95 = 0.95


class Lasted(Struct, frozen=True, gc=False):
    """How long something took."""

    mean: Annotated[Number | None, says("Seconds on average; null: it did not happen.")]
    p95: Annotated[Number | None, says("The seconds that 95 % did not exceed, estimated from a histogram.")]


class SlowJob(Struct, frozen=True, gc=False):
    """One of the slowest jobs."""

    id: Annotated[Id, says("The job. It may be purged since.")]
    seconds: Annotated[Number, says("From its last begin to its end.")]
    tenant: Annotated[str, says("Whose it is; empty without keys.")]


class CodeCount(Struct, frozen=True, gc=False):
    """How many jobs ended with a code."""

    code: Annotated[str, says("The code.")]
    count: Annotated[Whole, says("How many jobs.")]


class Interval(Struct, frozen=True):
    """Five minutes in figures."""

    at: Annotated[Moment, says("RFC 3339, UTC: its beginning.")]
    counted_seconds: Annotated[
        Number,
        says("How long a broker counted: less than the interval after a restart, and while the interval lasts."),
    ]
    accepted: Annotated[Whole, says("Jobs that came.")]
    ended: Annotated[Counts, says("Jobs that ended, by state; a state without any is left out.")]
    codes: Annotated[dict[str, int], says("Those of them that have a [code](#states), by code.")]
    queued_max: Annotated[Whole, says("The most jobs that waited at once, looked at each second.")]
    oldest_seconds: Annotated[Number, says("The longest wait of a job that still waited; 0: none waited.")]
    workers_min: Annotated[Whole, says("The fewest workers for images.")]
    workers_max: Annotated[Whole, says("The most.")]
    wait_seconds: Annotated[
        Lasted, says("`mean` and `p95` of the wait from acceptance to the begin, of jobs that ended; null if none did.")
    ]
    run_seconds: Annotated[
        Lasted, says("The same, from the begin to the end. Jobs that the result cache answered have none.")
    ]
    slowest: Annotated[Sequence[SlowJob], says("At most 5 jobs: `id`, `seconds` from begin to end, `tenant`.")]


class Hour(Struct, frozen=True):
    """The last hour in sums."""

    codes: Annotated[Sequence[CodeCount], says("Each code with its `count`, the most frequent first.")]
    slowest: Annotated[Sequence[SlowJob], says("Its 5 slowest jobs, the slowest first.")]


class History(Struct, frozen=True):
    """The answer of /stats/history."""

    step_seconds: Annotated[Whole, says("The length of an interval.")]
    intervals: Annotated[
        Sequence[Interval],
        says("The first one first, each as [below](#an-interval). One is missing if no broker counted in it."),
    ]
    hour: Annotated[Hour, says("Of the last hour: `codes` and `slowest`.")]


def oldest_at(now: float, hours: int) -> int:
    """After which beginning (wall time) an interval belongs to the last `hours`."""
    return int(now // STEP_SECONDS) * STEP_SECONDS - hours * HOUR_INTERVALS * STEP_SECONDS


def history(entries: Sequence[IntervalEntry], now: float) -> History:
    """The answer for these entries, which are in order. `now` is wall time."""
    decoded = [(entry.at, decode_figures(entry.figures)) for entry in entries]
    latest = [figures for at, figures in decoded if at > oldest_at(now, 1)]
    return History(
        step_seconds=STEP_SECONDS,
        intervals=[_interval(at, figures) for at, figures in decoded],
        hour=Hour(
            codes=[CodeCount(code, count) for code, count in codes_of(latest).items()],
            slowest=_slow(slowest_of(figures.slowest for figures in latest)),
        ),
    )


def _interval(at: int, figures: Figures) -> Interval:
    return Interval(
        at=moment(at),
        counted_seconds=round(figures.counted_seconds, 3),
        accepted=figures.accepted,
        ended=figures.ended,
        codes=figures.codes,
        queued_max=figures.queued_max,
        oldest_seconds=round(figures.oldest_seconds, 3),
        workers_min=figures.workers_min,
        workers_max=figures.workers_max,
        wait_seconds=_lasted(figures.waits),
        run_seconds=_lasted(figures.runs),
        slowest=_slow(figures.slowest),
    )


def _lasted(times: Times) -> Lasted:
    mean, p95 = times.mean, times.below(_P95)
    return Lasted(None if mean is None else round(mean, 3), None if p95 is None else round(p95, 3))


def _slow(jobs: Sequence[Slow]) -> list[SlowJob]:
    return [SlowJob(slow.job, round(slow.seconds, 3), slow.tenant) for slow in jobs]
