"""Changes as the data of events. Pure."""

from typing import Annotated

from msgspec import UNSET, Struct, UnsetType

from jobs.images import facts
from jobs.job import Outcome, Row
from jobs.wire import Change
from web.views.answers import colour_of, error_of, info, placeholder
from web.views.fields import Id, StateName, Whole, says
from web.views.shapes import Info, JobError, Placeholder, Rendition


class JobEvent(Struct, frozen=True, gc=False):
    """The data of an event `job`: a job's new state."""

    id: Annotated[Id, says("The job.")]
    state: Annotated[StateName, says("Its state since then.")]
    change: Annotated[Whole, says("The number of this change.")]
    attempts: Annotated[Whole, says("How many tries were charged.")]
    error: Annotated[JobError | None, says("The last fault.")]
    removed: Annotated[bool | UnsetType, says("True: the job was purged.")] = UNSET


class JobGone(Struct, frozen=True, gc=False):
    """The data of an event `job` for a job that is not there any more, or never was."""

    id: Annotated[Id, says("The job.")]
    removed: Annotated[bool, says("True.")]


class RenditionEvent(Struct, frozen=True, gc=False):
    """The data of an event `rendition`."""

    id: Annotated[Id, says("The job.")]
    change: Annotated[Whole, says("The number of this change.")]
    rendition: Annotated[Rendition, says("The picture that is there.")]


class DescribedEvent(Struct, frozen=True, gc=False):
    """The data of an event `described`: the original was read."""

    id: Annotated[Id, says("The job.")]
    change: Annotated[Whole, says("The number of this change.")]
    dominant_colour: Annotated[str | None, says("`#rrggbb` of the original; null if it is transparent.")]
    placeholder: Annotated[Placeholder | None, says("Those that the recipe asks for.")]
    info: Annotated[Info | None, says("Facts, if the recipe asks for them.")]


class BatchEvent(Struct, frozen=True, gc=False):
    """The data of an event `batch`: all its jobs have ended."""

    id: Annotated[Id, says("The batch.")]
    state: Annotated[str, says("`ended`.")]
    change: Annotated[Whole, says("The number of this change.")]


def described(job: str, change: int, encoded: bytes, *, private: bool) -> DescribedEvent:
    """The facts of a job's original, all of them for a `private` view."""
    found = facts.decode(encoded)
    return DescribedEvent(job, change, colour_of(found), placeholder(found), info(found, private=private))


def job_changed(changed: Change) -> JobEvent:
    """A change of a job."""
    error = None if changed.code is None else JobError(changed.code, changed.detail or "")
    removed = True if changed.removed else UNSET
    return JobEvent(changed.id, changed.state, changed.change, changed.attempts, error, removed)


def job_now(row: Row, outcome: Outcome) -> JobEvent:
    """A job's present state."""
    return JobEvent(row.id, row.state, row.change, row.attempts, error_of(outcome))
