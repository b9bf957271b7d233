"""What a delivery is: one event that is posted to one receiver (a webhook), as the ledger keeps it.

Owns the states of a delivery, its id, and the name of its lane. Pure data. What an event says, when it is tried again
and how it is signed is in jobs/webhooks.
"""

from enum import StrEnum
from typing import Annotated, Any, NamedTuple

import msgspec
from msgspec import Meta

from jobs.ids import ALPHABET
from jobs.job import Text
from jobs.trace import Trace

Moment = Annotated[float, Meta(ge=0, le=1e11)]


class DeliveryState(StrEnum):
    """The states of a delivery. `waiting`: for its first or its next attempt."""

    WAITING = "waiting"
    DELIVERED = "delivered"
    FAILED = "failed"
    STOPPED = "stopped"


class EventType(StrEnum):
    """What an event tells of."""

    JOB_DONE = "job.done"
    JOB_FAILED = "job.failed"
    JOB_DEAD = "job.dead"
    JOB_CANCELLED = "job.cancelled"
    JOB_RENDITION = "job.rendition"
    BATCH_ENDED = "batch.ended"


class DeliveryRow(NamedTuple):
    """A delivery as one row of the ledger, in the order of its columns.

    `seq` orders the deliveries. `job` is None for an event of a batch. `body` is what is signed and sent. `change` is
    the number of the change that the event tells of. Times are wall seconds; `due_at` is None once no attempt follows.
    `attempts` counts all attempts that ended, `tries` those since the last replay. `status`, `error` and `answer` are
    those of the last attempt: status 0 if the receiver did not answer. `kept` 0: the job is purged, and the row goes
    when it waits no more. `trace`: that of the job, which the requests pass on.
    """

    seq: int
    id: str
    tenant: str
    job: str | None
    batch: str | None
    lane: str
    url: str
    type: str
    body: bytes
    change: int
    created_at: float
    attempts: int = 0
    tries: int = 0
    due_at: float | None = None
    state: str = DeliveryState.WAITING.value
    status: int = 0
    error: str = ""
    answer: str = ""
    ended_at: float | None = None
    kept: int = 1
    trace: Trace | None = None


CHANGING = ("lane", "attempts", "tries", "due_at", "state", "status", "error", "answer", "ended_at")
"""The columns that an attempt or a replay changes; only a replay changes the lane."""


class DeliveryUpdate(NamedTuple):
    """The new values of CHANGING, and the row that gets them."""

    lane: str
    attempts: int
    tries: int
    due_at: float | None
    state: str
    status: int
    error: str
    answer: str
    ended_at: float | None
    seq: int


def update_of(row: DeliveryRow) -> DeliveryUpdate:
    """What is written of a row that an attempt or a replay has changed."""
    return DeliveryUpdate._make([*(getattr(row, name) for name in CHANGING), row.seq])


class Endpoint(msgspec.Struct, frozen=True, array_like=True):
    """A lane whose attempts fail: since when (wall time) nothing else happened, and when it was paused, if it was."""

    lane: str
    failing_since: float
    paused_at: float | None = None


class DeliveryWhere(msgspec.Struct, frozen=True, array_like=True):
    """A filter over deliveries; None matches all. `tenant` None means every tenant (operate). `since`: those that were
    created at this wall time or later."""

    tenant: Text | None = None
    state: Text | None = None
    type: Text | None = None
    job: Text | None = None
    since: Moment | None = None


class DueRefill(msgspec.Struct, frozen=True, array_like=True):
    """Read up to `limit` waiting deliveries of `lane`, in order of (due_at, seq), behind (`due_at`, `seq`)."""

    lane: str
    due_at: float
    seq: int
    limit: int


Due = tuple[float, int]
"""When a delivery is due (wall time), and its seq."""


_NONCE_CHARACTERS = 7
_BITS = 5


def delivery_id(seq: int, nonce: int) -> str:
    """The id of a delivery. `nonce`, of NONCE_BITS, is drawn at each start of a broker. If a ledger comes back as it
    was earlier, later deliveries get the same seq, and no receiver may take one of them for a repeat."""
    tail = "".join(ALPHABET[nonce >> shift & 31] for shift in range(_BITS * (_NONCE_CHARACTERS - 1), -1, -_BITS))
    return f"d{seq}-{tail}"


def seq_of(delivery: str) -> int | None:
    """The seq in a delivery's id; None: this is no such id. No job has such an id, because of its `-`."""
    head, dash, tail = delivery.partition("-")
    digits = head[1:]
    if head[:1] != "d" or not dash or len(tail) != _NONCE_CHARACTERS or not set(tail) <= set(ALPHABET):
        return None
    return int(digits) if digits.isascii() and digits.isdecimal() and len(digits) <= 18 else None


def is_delivery(lease: str) -> bool:
    """Whether a lease of this id is of a delivery, and not of a job."""
    return "-" in lease and seq_of(lease) is not None


def host_of(url: str) -> str:
    """The host in an address that was accepted (web/uploads/hooks.py), without its port."""
    authority = url.partition("://")[2].partition("/")[0].partition("?")[0]
    host, colon, port = authority.rpartition(":")
    return (host if colon and port.isdecimal() else authority).lower()


def lane_of(tenant: str, url: str) -> str:
    """The lane of a tenant's deliveries to one host."""
    return f"{host_of(url)} {tenant}"


def matches(row: DeliveryRow, where: DeliveryWhere) -> bool:
    """Whether the filter takes the row."""
    wanted: dict[str, Any] = {name: getattr(where, name) for name in ("tenant", "state", "type", "job")}
    return (where.since is None or row.created_at >= where.since) and all(
        value is None or getattr(row, name) == value for name, value in wanted.items()
    )
