"""Prints a chaos run: faults by kind and target, then the results of the jobs; as text or as Markdown."""

from collections.abc import Sequence
from typing import Any

from bench.parts.report import percentile, table
from torture.chaos.checker import by_folder
from torture.chaos.plan import Kind
from torture.chaos.run import SETTINGS, Run

TARGETS = ("supervisor", "broker", "web", "keeper", "nursery", "decoder")
Rows = list[Sequence[object]]


def faults_of(run: Run) -> Rows:
    """One row for each kind of fault, a column for each target."""
    done = run.injector.done
    rows: Rows = []
    for kind in Kind:
        counts = [done[kind, target] for target in TARGETS]
        rows.append((kind.value, *counts, sum(counts)))
    return rows


def figures_of(run: Run) -> dict[str, Any]:
    """The figures of the last line."""
    verdict, done = run.verdict, run.injector.done
    seconds = verdict.seconds or [0.0]
    return {
        "jobs": verdict.jobs,
        "kills": sum(number for (kind, _), number in done.items() if kind is Kind.KILL),
        "faults": sum(done.values()),
        "lost": len(verdict.lost),
        "doubled": len(verdict.doubled),
        "wrong": len(verdict.wrong),
        "quarantined": len(verdict.quarantined),
        "dead": len(verdict.dead),
        "nameless_files": by_folder(verdict.nameless),
        "files_swept": run.swept,
        "tries_without_202": run.tries_failed,
        "accept_seconds_max": round(run.slowest_accept_seconds, 2),
        "end_seconds_p50": round(percentile(seconds, 0.5), 3),
        "end_seconds_p99": round(percentile(seconds, 0.99), 3),
        "end_seconds_max": round(max(seconds), 3),
        "attempts": {str(attempts): number for attempts, number in sorted(verdict.attempts.items())},
        "seconds": round(run.seconds, 1),
        "jobs_per_second": round(verdict.jobs / run.seconds, 1),
    }


def show(run: Run, seed: int, *, markdown: bool) -> None:
    """Print the tables."""
    head = ("fault", *TARGETS, "all")
    figures = figures_of(run)
    rows: Rows = [(name.replace("_", " "), _words(value)) for name, value in figures.items()]
    rows = [("seed", seed), ("ATTEMPTS_MAX", SETTINGS["attempts_max"]), *rows]
    if markdown:
        _markdown(head, faults_of(run))
        _markdown(("what", "figure"), rows)
    else:
        table(head, faults_of(run))
        print()
        table(("what", "figure"), [(name, str(value)) for name, value in rows])


def _words(value: object) -> object:
    return (
        ", ".join(f"{key}: {number}" for key, number in value.items()) or "none" if isinstance(value, dict) else value
    )


def _markdown(head: Sequence[str], rows: Rows) -> None:
    print(f"| {' | '.join(head)} |")
    print(f"|{'---|' * len(head)}")
    for row in rows:
        print(f"| {' | '.join(f'{cell:,}' if isinstance(cell, int) else str(cell) for cell in row)} |")
    print()
