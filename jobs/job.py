"""What a job is: its states, the legal transitions, its row, and what is written of it.

Owns TRANSITIONS: no other file decides what may follow what. A row is a job as the ledger
keeps it; Spec never changes after the upload, Outcome grows with what happens.
"""

from enum import StrEnum
from typing import Annotated, Any, NamedTuple

import msgspec
from msgspec import Meta

from jobs.trace import Trace


class State(StrEnum):
    """The states of a job."""

    QUEUED = "queued"
    RUNNING = "running"
    DELAYED = "delayed"
    DONE = "done"
    FAILED = "failed"
    DEAD = "dead"
    CANCELLED = "cancelled"

    __hash__ = str.__hash__
    """Enum's own hash is a Python function, and a broker hashes states several times a job."""


ENDED = frozenset({State.DONE, State.FAILED, State.DEAD, State.CANCELLED})
REQUEUEABLE = frozenset({State.FAILED, State.DEAD, State.CANCELLED})

TRANSITIONS: dict[State, frozenset[State]] = {
    State.QUEUED: frozenset({State.RUNNING, State.FAILED, State.CANCELLED}),
    State.RUNNING: frozenset({State.QUEUED, State.DELAYED, State.DONE, State.FAILED, State.DEAD, State.CANCELLED}),
    State.DELAYED: frozenset({State.QUEUED, State.FAILED, State.CANCELLED}),
    State.DONE: frozenset(),
    State.FAILED: frozenset({State.QUEUED}),
    State.DEAD: frozenset({State.QUEUED}),
    State.CANCELLED: frozenset({State.QUEUED}),
}
"""From each state, the states that may follow. A job begins `queued`, or `failed` if quarantined."""

PRIORITIES = ("high", "normal", "low")
"""The names of the priorities; a row holds the index: a smaller number is served first."""


class EventKind(StrEnum):
    """The events of a job's timeline."""

    ACCEPTED = "accepted"
    ASSIGNED = "assigned"
    STARTED = "started"
    DESCRIBED = "described"
    RENDITION = "rendition"
    FETCHING = "fetching"
    FETCHED = "fetched"
    RETURNED = "returned"
    LOST = "lost"
    ERROR = "error"
    DELAYED = "delayed"
    REQUEUED = "requeued"
    CANCEL_REQUESTED = "cancel_requested"
    ENDED = "ended"


class Code(StrEnum):
    """Why a try, or a job, ended otherwise than well. `jobs/retry.py` says what follows each."""

    UNDECODABLE = "undecodable"
    PIXELS_OVER_LIMIT = "pixels_over_limit"
    FRAMES_OVER_LIMIT = "frames_over_limit"
    OPERATION_FAILED = "operation_failed"
    SANDBOX_VIOLATION = "sandbox_violation"
    DEADLINE_EXCEEDED = "deadline_exceeded"
    MEMORY_OVER_LIMIT = "memory_over_limit"
    DECODER_CRASHED = "decoder_crashed"
    DECODER_LOST = "decoder_lost"
    STORE_ERROR = "store_error"
    ORIGINAL_MISSING = "original_missing"
    QUARANTINED = "quarantined"
    SOURCE_REFUSED = "source_refused"
    SOURCE_UNREACHABLE = "source_unreachable"
    UPLOAD_TOO_LARGE = "upload_too_large"
    UNSUPPORTED_TYPE = "unsupported_type"
    ATTEMPTS_USED_UP = "attempts_used_up"
    LOST_TOO_OFTEN = "lost_too_often"
    EXPIRED = "expired"
    CANCELLED = "cancelled"


class Original(msgspec.Struct, frozen=True, array_like=True, gc=False):
    """The uploaded bytes: blob `name`, what the head told (0: it could not tell), size, SHA-256 (hex), and the EXIF
    orientation, 1 to 8 (0: not known, as for originals of a release that did not read it)."""

    name: str
    format: str
    width: int
    height: int
    bytes: int
    digest: str
    orientation: int = 0


TEXT_CHARACTERS_MAX = 255
Text = Annotated[str, Meta(max_length=TEXT_CHARACTERS_MAX)]
"""One string of a message: an id, a name, a digest, a version. Ours have at most 200 characters (a reference). Decoding
refuses a longer one, so it reaches neither a ledger nor a frame larger than FRAME_BYTES_MAX."""
Count = Annotated[int, Meta(ge=0, le=2**53)]
"""Pixels, bytes, jobs: a number that JSON can carry."""


Word = Annotated[str, Meta(pattern=r"\A[a-z_]{1,32}\Z", max_length=32)]
HexDigest = Annotated[str, Meta(pattern=r"\A[0-9a-f]{64}\Z", max_length=64)]
"""SHA-256 as web tells it in ETag and Repr-Digest."""
Quality = Annotated[int, Meta(ge=1, le=100)]
Edge = Annotated[float, Meta(ge=0, le=2**31)]
Part = tuple[Edge, Edge, Edge, Edge]
"""Left, top, width and height of a part of an image, in its pixels when upright. An edge may lie within a pixel."""
Unmet = Annotated[tuple[Word, ...], Meta(max_length=32)]
"""Words for what the rendition lost because its format cannot hold it (`delays`, `plays`): things that the original has
or that the recipe asks. docs/recipes.md has them all."""


class Rendition(msgspec.Struct, frozen=True, array_like=True, gc=False):
    """One published output: rendition `name`, its `blob` name, sides in pixels, size, SHA-256 (hex).

    `dominant_colour` (#rrggbb) is the original's. Only the decoder can compute it; it is stored with each
    rendition, so that broker and result cache need not know it. The same holds for `unmet` and for `original`
    (the original's sides as stored, where its head did not tell them). `quality`: with which it was encoded; None if
    its format has none. `box`: the part of the original that it shows; None from a release that did not tell it.
    """

    name: Text
    blob: Text
    format: Text
    width: Count
    height: Count
    bytes: Count
    digest: HexDigest
    dominant_colour: Text | None = None
    unmet: Unmet = ()
    original: tuple[Count, Count] | None = None
    quality: Quality | None = None
    box: Part | None = None


FACTS_BYTES_MAX = 4096
FactBytes = Annotated[bytes, Meta(max_length=FACTS_BYTES_MAX)]
"""Facts of an original as a worker has encoded them (jobs/images/facts.py); empty: there are none. The broker does not
read them."""


class Cost(msgspec.Struct, frozen=True, array_like=True, gc=False):
    """What a finished try cost: CPU milliseconds and the decoder's peak resident bytes."""

    cpu_ms: Annotated[float, Meta(ge=0, le=1e11)]
    peak_bytes: Count


class Spec(msgspec.Struct, frozen=True, array_like=True):
    """What an upload asked for: written by web, opaque to the broker, read by the worker and by web again.

    `recipe` is the canonical JSON text of the resolved recipe (jobs/recipes/recipe.py), `metadata` the
    client's JSON text or None, `files` the number of files of its POST, `index` this one's place. `source`: the address
    of its original, whose query is a secret; `original` then tells only the blob's name (Outcome.sourced has the rest).
    `trace`: the trace in which the job was made.
    """

    filename: str
    reference: str | None
    metadata: str | None
    preset: str | None
    recipe: str
    original: Original
    tenant: str
    files: int = 1
    index: int = 0
    source: str | None = None
    trace: Trace | None = None


ADDRESS_CHARACTERS_MAX = 2000
"""Characters of an address that we call: what every server and proxy takes."""
Address = Annotated[str, Meta(max_length=ADDRESS_CHARACTERS_MAX)]
HOOKS_MAX = 2
"""Receivers of one job's events: its own `webhook_url`, and that of its tenant."""


class Hooks(msgspec.Struct, frozen=True, array_like=True, gc=False):
    """Who is told of a job's end: the `urls` of the receivers. `base`: the address of this service, with which the
    addresses in an event begin. `renditions`: they are told of each rendition, too."""

    urls: Annotated[tuple[Address, ...], Meta(max_length=HOOKS_MAX)]
    base: Address
    renditions: bool = False


class Fault(msgspec.Struct, frozen=True, array_like=True, gc=False):
    """Why a job did not end well."""

    code: str
    detail: str


class TimelineEntry(NamedTuple):
    """One line of the timeline: wall time, what, under which lease, by which worker's name, more."""

    at: float
    event: str
    lease: int
    worker: str | None
    detail: str | None


class Sourced(msgspec.Struct, frozen=True, array_like=True, gc=False):
    """The fetch of an original from its address: how often it was tried in vain, and since it is here the `original`,
    and the `content` of the job (as in Row, where it is that of the address)."""

    tries: int = 0
    original: Original | None = None
    content: bytes = b""


class Outcome(msgspec.Struct, array_like=True, gc=False):
    """What happened to a job so far. Counters beside `attempts` (a column) decide retries.

    `losses`: leases lost before a decoder began. `crashes`: decoders that died of its own doing.
    `memory_tries`: tries that ran out of decoder memory. Requeue sets all three to 0. `hooks`: who is told of its
    end, asked for by the upload; it is here because the broker reads it. `sourced`: of a job whose original is at an
    address. `expires_at`: the wall time by which it must be begun; None: it never expires. `facts`: of the original,
    if the recipe asks for them.
    """

    timeline: list[TimelineEntry] = []
    renditions: list[Rendition] = []
    error: Fault | None = None
    cost: Cost | None = None
    cached: bool = False
    cancel_requested: bool = False
    losses: int = 0
    crashes: int = 0
    memory_tries: int = 0
    hooks: Hooks | None = None
    sourced: Sourced | None = None
    expires_at: float | None = None
    facts: FactBytes = b""


class Row(NamedTuple):
    """A job as one row of the ledger, in the order of its columns.

    `seq` orders acceptance (and is the change number of that moment), `position` orders the
    queue, `change` is the number of the latest change. Times are wall seconds. `worker` is the
    incarnation of the holder (or of the last one). `code` repeats the error's code, so that lists
    can filter. `content` identifies tenant, bytes and recipe (for the quarantine). `batch` is None
    when the POST had one file. `spec` and `outcome` are msgpack of Spec and Outcome.
    """

    seq: int
    id: str
    tenant: str
    state: str
    priority: int
    lane: str
    position: int
    lease: int
    attempts: int
    change: int
    accepted_at: float
    ended_at: float | None
    due_at: float | None
    started_at: float | None
    worker: str | None
    reference: str | None
    preset: str | None
    batch: str | None
    code: str | None
    content: bytes
    spec: bytes
    outcome: bytes


GIVEN_ONCE = frozenset({"seq", "id", "tenant", "accepted_at", "reference", "preset", "batch", "content", "spec"})
"""The columns that no update changes."""

_encoder = msgspec.msgpack.Encoder()
encode = _encoder.encode
_decode_spec = msgspec.msgpack.Decoder(Spec).decode
_decode_outcome = msgspec.msgpack.Decoder(Outcome).decode
decode_hooks = msgspec.msgpack.Decoder(Hooks).decode
"""The Hooks in the row of a batch, as a broker wrote them."""


def decode_spec(data: bytes) -> Spec:
    """The Spec in a row or an Assignment. Raises msgspec.MsgspecError where there is none, also for invalid UTF-8."""
    try:
        return _decode_spec(data)
    except (UnicodeDecodeError, RecursionError) as error:
        raise msgspec.DecodeError(str(error)) from None


def trace_of(spec: bytes) -> Trace | None:
    """The trace of the job with this spec. None: it has none, or the spec cannot be read."""
    try:
        return decode_spec(spec).trace
    except msgspec.MsgspecError:
        return None


def with_original(spec: bytes, original: Original) -> bytes:
    """The spec of a job whose original was fetched, for its worker: it needs no address."""
    return encode(msgspec.structs.replace(decode_spec(spec), original=original, source=None))


def original_of(spec: Spec, outcome: Outcome) -> Original | None:
    """The original of a job; None if it is still to be fetched."""
    if spec.source is None:
        return spec.original
    return outcome.sourced.original if outcome.sourced else None


def decode_outcome(data: bytes) -> Outcome:
    """The Outcome in a row. A value that an earlier version wrote may exceed a bound of today. It is left out, so that
    no row prevents a broker's start. (The scan for orphans finds a file that is no longer named.)"""
    try:
        return _decode_outcome(data)
    except msgspec.ValidationError:
        timeline, renditions, error, cost, *rest = msgspec.msgpack.decode(data)
        kept = [one for one in renditions if _is(one, Rendition)]
        return msgspec.convert([timeline, kept, error, cost if _is(cost, Cost | None) else None, *rest], Outcome)


def _is(plain: object, kind: Any) -> bool:
    try:
        msgspec.convert(plain, kind)
    except msgspec.ValidationError:
        return False
    return True
