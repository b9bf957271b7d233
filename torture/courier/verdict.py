"""What a run is judged by. Pure: jobs, deliveries and requests in, figures and faults out."""

from collections import Counter, defaultdict
from collections.abc import Iterable, Iterator, Sequence
from typing import Any, NamedTuple

Figures = dict[str, Any]


class Ended(NamedTuple):
    """A job at the end of the run: how often it ended, and how many renditions its receiver asked to be told of. Or a
    batch, which has no state."""

    id: str
    kind: str
    state: str | None
    ends: int
    renditions: int


class Row(NamedTuple):
    """A delivery at the end of the run; `kind` is that of its receiver. `job`: the job or batch that it tells of."""

    id: str
    kind: str
    job: str
    state: str


class Told(NamedTuple):
    """One request that a receiver got. `state`: of the job, as the event says it; None in an event of a rendition or of
    a batch."""

    id: str
    kind: str
    job: str
    change: int
    state: str | None
    body: bytes


def judge(jobs: Sequence[Ended], rows: Sequence[Row], told: Sequence[Told], gone: str) -> Figures:
    """The figures. `gone`: the kind of receiver that takes nothing."""
    wanted = Counter({job.id: job.ends + job.renditions for job in jobs})
    written = Counter(row.job for row in rows)
    of_row = {row.id: row for row in rows}
    distinct = {(each.kind, each.id) for each in told}
    bodies: defaultdict[str, set[bytes]] = defaultdict(set)
    for each in told:
        bodies[each.id].add(each.body)
    return {
        "jobs": len(jobs),
        "events": sum(wanted.values()),
        "requests": len(told),
        "repeats": len(told) - len(distinct),
        "not_written": (wanted - written).total(),
        "never_happened": (written - wanted).total()
        + sum((each.id not in of_row or of_row[each.id].job != each.job) for each in told),
        "untold": sum((row.kind, row.id) not in distinct for row in rows),
        "told_to_another": sum(each.id in of_row and of_row[each.id].kind != each.kind for each in told),
        "bodies_changed": sum(len(each) > 1 for each in bodies.values()),
        "wrong_states": sum(row.state != ("stopped" if row.kind == gone else "delivered") for row in rows),
        "wrong_order": sum(map(_is_disordered, jobs, [_of(job, told) for job in jobs])),
    }


def _of(job: Ended, told: Iterable[Told]) -> list[Told]:
    return [each for each in told if each.job == job.id]


def _is_disordered(job: Ended, told: list[Told]) -> bool:
    """Whether somebody who keeps the event of the highest `change` would not know how the job ended."""
    changes = {each.id: each.change for each in told}
    if len(set(changes.values())) < len(changes):
        return True
    return bool(told) and max(told, key=lambda each: each.change).state != job.state


MUST_BE_0 = (
    "not_written", "never_happened", "untold", "told_to_another", "bodies_changed", "wrong_states", "wrong_order",
    "badly_signed", "victim_called",
)  # fmt: skip


def broken(name: str, figures: Figures) -> Iterator[str]:
    """What must not be."""
    for what in MUST_BE_0:
        if figures[what]:
            yield f"{name}: {what} is {figures[what]}"
    if not figures["events"]:
        yield f"{name}: nothing was told"
    if figures["brokers_killed"] + figures["couriers_killed"] != figures["kills"]:
        yield f"{name}: too few were killed"
