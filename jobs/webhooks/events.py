"""The body of an event: what a receiver gets, as JSON of at most DELIVERY_BYTES_MAX.

Owns its fields, with their words, and what is left out if it would be too long. Pure.
"""

from collections.abc import Mapping, Sequence
from datetime import UTC, datetime
from typing import Annotated, Any

import msgspec
from msgspec import UNSET, Meta, Raw, Struct, UnsetType

from jobs.deliveries import EventType
from jobs.job import Outcome, Rendition, State, decode_spec
from jobs.limits import DELIVERY_BYTES_MAX

TYPES = {
    State.DONE: EventType.JOB_DONE,
    State.FAILED: EventType.JOB_FAILED,
    State.DEAD: EventType.JOB_DEAD,
    State.CANCELLED: EventType.JOB_CANCELLED,
}
"""The event of each end of a job."""
_LEFT_OUT = ("renditions", "metadata", "reference")
"""What is left out of an event that would be too long, in this order, and named in `left_out`."""


class ToldRendition(Struct, frozen=True, gc=False):
    """A rendition in an event."""

    name: Annotated[str, Meta(description="From the recipe.")]
    width: Annotated[int, Meta(description="Pixels, upright.")]
    height: Annotated[int, Meta(description="Pixels, upright.")]
    format: Annotated[str, Meta(description="As `webp`.")]
    url: Annotated[str, Meta(description="Its bytes.")]


LeftOut = Annotated[Sequence[str] | UnsetType, Meta(description="The fields that are null because it was too long.")]


class ToldJob(Struct, frozen=True, kw_only=True):
    """A job that has ended."""

    id: Annotated[str, Meta(description="The job.")]
    state: Annotated[str, Meta(description="How it ended.")]
    code: Annotated[str | None, Meta(description="Why it did not end well.")]
    reference: Annotated[str | None, Meta(description="Yours, from the upload.")]
    metadata: Annotated[Any, Meta(description="Yours, from the upload.")]
    batch: Annotated[str | None, Meta(description="Its batch.")]
    change: Annotated[int, Meta(description="The number of this change. Of two events the higher one is newer.")]
    status_url: Annotated[str, Meta(description="The job.")]
    renditions: Annotated[Sequence[ToldRendition] | None, Meta(description="The pictures.")]
    left_out: LeftOut = UNSET


class ToldPublication(Struct, frozen=True, kw_only=True):
    """A rendition that was published."""

    id: Annotated[str, Meta(description="The job.")]
    reference: Annotated[str | None, Meta(description="Yours, from the upload.")]
    metadata: Annotated[Any, Meta(description="Yours, from the upload.")]
    batch: Annotated[str | None, Meta(description="Its batch.")]
    change: Annotated[int, Meta(description="The number of this change.")]
    status_url: Annotated[str, Meta(description="The job.")]
    rendition: Annotated[ToldRendition, Meta(description="The picture.")]
    left_out: LeftOut = UNSET


class ToldBatch(Struct, frozen=True):
    """A batch whose jobs have all ended."""

    id: Annotated[str, Meta(description="The batch.")]
    total: Annotated[int, Meta(description="How many jobs it has.")]
    counts: Annotated[Mapping[str, int], Meta(description="Jobs by state.")]
    closed: Annotated[bool, Meta(description="Whether it was closed: nobody can add a job to it.")]
    change: Annotated[int, Meta(description="The number of this change.")]
    status_url: Annotated[str, Meta(description="The batch.")]


Told = ToldJob | ToldPublication | ToldBatch


class Event(Struct, frozen=True):
    """The body of an event."""

    type: str
    timestamp: str
    data: Any


def moment(at: float) -> str:
    """A wall time as the API writes it."""
    return datetime.fromtimestamp(at, UTC).isoformat(timespec="milliseconds").replace("+00:00", "Z")


def of_job(
    job: str, state: State, spec: bytes, outcome: Outcome, *, batch: str | None, change: int, base: str, at: float
) -> tuple[EventType, bytes]:
    """The event of a job's end at wall time `at`: its type and body. `spec` is that of the row; from one that is none
    nothing is told, because a forged message must not end a broker."""
    address = f"{base}/jobs/{job}"
    reference, metadata = _asked(spec)
    data = ToldJob(
        id=job,
        state=state.value,
        code=outcome.error.code if outcome.error else None,
        reference=reference,
        metadata=metadata,
        batch=batch,
        change=change,
        status_url=address,
        renditions=[_shown(made, address) for made in outcome.renditions],
    )
    return TYPES[state], _body(TYPES[state], at, data)


def of_rendition(
    job: str, rendition: Rendition, spec: bytes, *, batch: str | None, change: int, base: str, at: float
) -> tuple[EventType, bytes]:
    """The event of a rendition that was published at wall time `at`."""
    address = f"{base}/jobs/{job}"
    reference, metadata = _asked(spec)
    data = ToldPublication(
        id=job,
        reference=reference,
        metadata=metadata,
        batch=batch,
        change=change,
        status_url=address,
        rendition=_shown(rendition, address),
    )
    return EventType.JOB_RENDITION, _body(EventType.JOB_RENDITION, at, data)


def _shown(made: Rendition, address: str) -> ToldRendition:
    """A rendition of the job at `address`."""
    return ToldRendition(made.name, made.width, made.height, made.format, f"{address}/renditions/{made.name}")


def _asked(spec: bytes) -> tuple[str | None, Raw | None]:
    """The reference and the metadata of the upload."""
    try:
        found = decode_spec(spec)
    except msgspec.MsgspecError:
        return None, None
    return found.reference, None if found.metadata is None else Raw(found.metadata.encode())


def of_batch(
    batch: str, counts: dict[str, int], *, closed: bool, change: int, base: str, at: float
) -> tuple[EventType, bytes]:
    """The event of a batch's end: all of its jobs have ended, so many in each state. `closed`: nobody can add a job to
    it, because its sender said so."""
    data = ToldBatch(batch, sum(counts.values()), counts, closed, change, f"{base}/batches/{batch}")
    return EventType.BATCH_ENDED, _body(EventType.BATCH_ENDED, at, data)


def _body(type_: EventType, at: float, data: Told) -> bytes:
    body = msgspec.json.encode(Event(type_.value, moment(at), data))
    left_out: list[str] = []
    for name in [name for name in _LEFT_OUT if name in data.__struct_fields__]:
        if len(body) <= DELIVERY_BYTES_MAX:
            break
        left_out.append(name)
        data = msgspec.structs.replace(data, **{name: None, "left_out": left_out})
        body = msgspec.json.encode(Event(type_.value, moment(at), data))
    return body
