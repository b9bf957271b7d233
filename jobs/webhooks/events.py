"""The body of an event: what a receiver gets, as JSON of at most DELIVERY_BYTES_MAX.

Owns its fields and what is left out if it would be too long. Pure.
"""

from datetime import UTC, datetime
from typing import Any

import msgspec

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


def moment(at: float) -> str:
    """A wall time as the API writes it."""
    return datetime.fromtimestamp(at, UTC).isoformat(timespec="milliseconds").replace("+00:00", "Z")


def of_job(
    job: str, state: State, spec: bytes, outcome: Outcome, *, batch: str | None, change: int, base: str, at: float
) -> tuple[EventType, bytes]:
    """The event of a job's end at wall time `at`: its type and body. `spec` is that of the row; from one that is none
    nothing is told, because a forged message must not end a broker."""
    type_, address = TYPES[state], f"{base}/jobs/{job}"
    code = outcome.error.code if outcome.error else None
    data = {"id": job, "state": state.value, "code": code, **_asked(spec)}
    data |= {"batch": batch, "change": change, "status_url": address}
    data["renditions"] = [_shown(made, address) for made in outcome.renditions]
    return type_, _body(type_, at, data)


def of_rendition(
    job: str, rendition: Rendition, spec: bytes, *, batch: str | None, change: int, base: str, at: float
) -> tuple[EventType, bytes]:
    """The event of a rendition that was published at wall time `at`."""
    address = f"{base}/jobs/{job}"
    data = {"id": job, **_asked(spec), "batch": batch, "change": change, "status_url": address}
    data["rendition"] = _shown(rendition, address)
    return EventType.JOB_RENDITION, _body(EventType.JOB_RENDITION, at, data)


def _shown(made: Rendition, address: str) -> dict[str, Any]:
    """A rendition of the job at `address`."""
    return {
        "name": made.name,
        "width": made.width,
        "height": made.height,
        "format": made.format,
        "url": f"{address}/renditions/{made.name}",
    }


def _asked(spec: bytes) -> dict[str, Any]:
    """The reference and the metadata of the upload."""
    try:
        found = decode_spec(spec)
    except msgspec.MsgspecError:
        return {"reference": None, "metadata": None}
    metadata = None if found.metadata is None else msgspec.Raw(found.metadata.encode())
    return {"reference": found.reference, "metadata": metadata}


def of_batch(
    batch: str, counts: dict[str, int], *, closed: bool, change: int, base: str, at: float
) -> tuple[EventType, bytes]:
    """The event of a batch's end: all of its jobs have ended, so many in each state. `closed`: nobody can add a job to
    it, because its sender said so."""
    data = {
        "id": batch,
        "total": sum(counts.values()),
        "counts": counts,
        "closed": closed,
        "change": change,
        "status_url": f"{base}/batches/{batch}",
    }
    return EventType.BATCH_ENDED, _body(EventType.BATCH_ENDED, at, data)


def _body(type_: EventType, at: float, data: dict[str, Any]) -> bytes:
    event = {"type": type_.value, "timestamp": moment(at), "data": data}
    left_out: list[str] = []
    for name in [name for name in _LEFT_OUT if name in data]:
        body = msgspec.json.encode(event)
        if len(body) <= DELIVERY_BYTES_MAX:
            return body
        left_out.append(name)
        data[name] = None
        data["left_out"] = left_out
    return msgspec.json.encode(event)
