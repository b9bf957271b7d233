"""What a run is judged by. Pure: jobs and times in, figures and faults out."""

from collections.abc import Iterable, Iterator
from datetime import datetime
from typing import Any

WORKING_SECONDS = 5.0
"""From the healing to the next 202, and to the next end of a job."""
Figures = dict[str, Any]


def ends_of(job: Any) -> list[float]:
    """The wall times at which a timeline says that the job ended."""
    return [
        datetime.fromisoformat(entry["at"]).timestamp()
        for entry in job.get("timeline", [])
        if entry["event"] == "ended"
    ]


def first(since: float, times: Iterable[float]) -> float:
    """The seconds from `since` to the first of `times` after it; infinite without one."""
    return round(min((at - since for at in times if at > since), default=float("inf")), 2)


def broken(name: str, figures: Figures) -> Iterator[str]:
    """What must not be."""
    for what in ("lost", "ended_twice", "unexpected"):
        if figures[what]:
            yield f"{name}: {what} {figures[what]}"
    for what in ("accepting_after", "working_after"):
        if figures[what] > WORKING_SECONDS:
            yield f"{name}: {what} {figures[what]} s"
    if figures.get("late_messages"):
        yield f"{name}: {figures['late_messages']} messages of a broker whose term was over"
    if figures.get("epochs", 2) < 2:
        yield f"{name}: nobody took the term"
    if not figures["accepted_before"]:
        yield f"{name}: nothing was accepted before the cut"
