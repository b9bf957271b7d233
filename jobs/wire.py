"""The messages between the roles, and their frames (docs/protocol.md has the prose).

One message is one frame: a msgpack array of version, type and fields. `decode` raises WireFault
and nothing else on anything that is not a message of ours. Owns no socket.
"""

from typing import Annotated, Any

import msgspec
from msgspec import Meta

from jobs.errors import WireFault
from jobs.job import PRIORITIES, Cost, Rendition, Text
from jobs.records import Lane, Where

VERSION = 1
VERSIONS = frozenset({VERSION})
FRAME_BYTES_MAX = 4 * 1024 * 1024
"""MAXMSGSIZE of every socket. libzmq disconnects a sender that passes it, so senders check first."""

CHANGES_TOPIC = b"changes."
BEAT_TOPIC = b"beat."


def receipts_topic(web: str) -> bytes:
    """The topic of one web process's receipts. Topics match by prefix, so each ends in a dot."""
    return b"receipts." + web.encode() + b"."


Priority = Annotated[int, Meta(ge=0, lt=len(PRIORITIES))]
Pixels = Annotated[int, Meta(ge=0, le=2**53)]
Seconds = Annotated[float, Meta(ge=0, le=1e11)]
"""Finite, as times and durations of a broker that computes with them must be."""
Capacity = Annotated[int, Meta(ge=0, le=1000)]
Detail = Annotated[str, Meta(max_length=1000)]
"""Why a try failed, in a worker's words: it cuts them at 300 characters."""


class _Message(msgspec.Struct, frozen=True, array_like=True, gc=False):
    pass


# --- web -> broker (PUSH -> PULL) ---


class NewJob(_Message, frozen=True):
    """One job of a Submit. `pixels` is 0 where the head did not tell. `key` is the HMAC of an
    Idempotency-Key and `fingerprint` the digest of what was asked under it, both or neither."""

    id: str
    tenant: str
    priority: Priority
    pixels: Pixels
    reference: str | None
    preset: str | None
    batch: str | None
    content: bytes
    spec: bytes
    key: bytes | None = None
    fingerprint: bytes | None = None


class Use(_Message, frozen=True):
    """The grant under which a POST comes: each of its jobs is one of `count` uses, until wall time `expires_at`."""

    grant: str
    count: Annotated[int, Meta(ge=0, le=2**53)]
    expires_at: Seconds


class Submit(_Message, frozen=True):
    """All jobs of one POST, accepted whole or not at all. `at`: wall time of the POST."""

    web: str
    request: str
    at: Seconds
    jobs: Annotated[list[NewJob], Meta(min_length=1)]
    grant: Use | None = None


class Cancel(_Message, frozen=True):
    """Cancel one job by `id`, or all that match `where` (`id` is then None)."""

    web: str
    request: str
    id: str | None = None
    where: Where | None = None


class Requeue(_Message, frozen=True):
    """Run a dead, failed or cancelled job once more; or all that match. `change` is the one job's as it was
    seen: where it has changed since, it was requeued, and this is a repeat."""

    web: str
    request: str
    id: str | None = None
    where: Where | None = None
    change: int | None = None


class Purge(_Message, frozen=True):
    """Remove an ended job and its files; or all that match."""

    web: str
    request: str
    id: str | None = None
    where: Where | None = None


class Pause(_Message, frozen=True):
    """Stop dispatching; survives restarts."""

    web: str
    request: str


class Resume(_Message, frozen=True):
    """Dispatch again."""

    web: str
    request: str


class DrainWorker(_Message, frozen=True):
    """Let one worker finish what it holds and leave."""

    web: str
    request: str
    incarnation: str


FromWeb = Submit | Cancel | Requeue | Purge | Pause | Resume | DrainWorker

# --- broker -> web (XPUB -> SUB) ---

COMMITTED, KNOWN, CONFLICT, REFUSED = "committed", "known", "conflict", "refused"


class Receipt(_Message, frozen=True):
    """The ledger's answer to one request: `committed`; `known` (the key's jobs are `ids`, in file
    order); `conflict` (the key was used for other content); `refused` with a `code` of API
    section 4. For a command over many jobs, `matched` and `changed` count them. `rate_limited`: `left` jobs
    are within the rate now, and enough for this POST after `retry_seconds`."""

    request: str
    outcome: str
    ids: list[str] = []
    code: str | None = None
    matched: int = 0
    changed: int = 0
    left: int = 0
    retry_seconds: float = 0.0


class Hello(_Message, frozen=True):
    """The broker answers a web process's subscription: from `epoch` on it hears its receipts."""

    epoch: int


class Receipts(_Message, frozen=True):
    """All receipts of one turn for one web process."""

    epoch: int
    receipts: list[Receipt]


class Change(_Message, frozen=True):
    """One job changed: its newest state under change number `change`. `rendition` is set where
    the change is a rendition's publication. `code`, `detail` are the error's, else None. `removed`: purged.
    `lane` and `position` say where a job waits, or was assigned from, until a decoder begins it; else None and 0."""

    change: int
    id: str
    tenant: str
    state: str
    attempts: int
    code: str | None = None
    detail: str | None = None
    rendition: Rendition | None = None
    removed: bool = False
    lane: Lane | None = None
    position: int = 0


class Changes(_Message, frozen=True):
    """All changes of one turn, in order; `last` is the newest number and `first` the number
    before the first: a reader whose last number is below `first` has a gap."""

    epoch: int
    first: int
    last: int
    changes: list[Change]


class WorkerJob(_Message, frozen=True):
    """A job that a worker holds; `started_at` is wall time, None while it is prefetched."""

    id: str
    started_at: float | None
    tenant: str = ""


class WorkerView(_Message, frozen=True):
    """A worker as /stats shows it; `since` is the wall time of its first Ready."""

    name: str
    incarnation: str
    state: str
    capacity: int
    jobs: list[WorkerJob]
    since: float


class Share(_Message, frozen=True):
    """What a beat says of one tenant's jobs alone; its fields are those of the Beat."""

    counts: dict[str, int]
    oldest_at: float | None
    accepted_per_minute: float
    ended_per_minute: float


class LaneView(_Message, frozen=True):
    """A lane in which jobs wait. `marks`: some of them, in order, each as (jobs ahead of it in the lane, its position);
    the last job is among them. `queued` is about right where the lane is longer than the broker's window."""

    lane: Lane
    queued: int
    marks: list[tuple[int, int]]


class Waiting(_Message, frozen=True):
    """What a forecast needs (jobs/forecast.py). `seconds`: how long a job has taken lately, by the name of its lane and
    by its size class alone. `lanes` in the order of service. `free`: for each worker that takes jobs, in how many
    seconds it will have ended what it holds; None where that is not known."""

    seconds: dict[str, float]
    lanes: list[LaneView]
    free: list[float | None]


class Beat(_Message, frozen=True):
    """What /stats says, once a second and at every change of the roster. `oldest_at` is the wall
    time at which the oldest queued job was accepted. `tenants` has those with a name and with jobs.
    `over`: the tenants that have used up their rate, and the wall time from which each may upload again."""

    epoch: int
    at: float
    change: int
    paused: bool
    counts: dict[str, int]
    oldest_at: float | None
    workers: list[WorkerView]
    workers_wanted: int
    accepted_per_minute: float
    ended_per_minute: float
    tenants: dict[str, Share] = {}
    waiting: Waiting | None = None
    over: dict[str, float] = {}


ToWeb = Hello | Receipts | Changes | Beat

# --- worker -> broker (DEALER -> ROUTER) ---


class Held(_Message, frozen=True):
    """A lease that a worker holds: `started` once a decoder began it."""

    job: str
    lease: int
    started: bool


class Ready(_Message, frozen=True):
    """A worker introduces itself: how many jobs it takes in all and which it holds. `engine` is
    the version of what turns pixels into renditions. Said on every new connection."""

    incarnation: Text
    name: Text
    pid: int
    capacity: Capacity
    engine: Text
    holding: list[Held]
    draining: bool = False


class Start(_Message, frozen=True):
    """A decoder began the job at wall time `at`."""

    job: str
    lease: int
    at: float


class Started(_Message, frozen=True):
    jobs: list[Start]


class Publication(_Message, frozen=True):
    """One rendition landed in the blob store."""

    job: str
    lease: int
    rendition: Rendition


class Published(_Message, frozen=True):
    renditions: list[Publication]


class Finish(_Message, frozen=True):
    """All renditions of the job are in the blob store, since wall time `ended_at`. `cached`: linked from the result
    cache, no decoder began; else one did, at `began_at`, whether its Start was said before or not."""

    job: str
    lease: int
    renditions: list[Rendition]
    cost: Cost | None = None
    cached: bool = False
    began_at: float | None = None
    ended_at: float | None = None


class Finished(_Message, frozen=True):
    jobs: list[Finish]


class Failure(_Message, frozen=True):
    """The try ended without its renditions; `code` is a jobs.job.Code."""

    job: Text
    lease: int
    code: Text
    detail: Detail


class Failed(_Message, frozen=True):
    jobs: list[Failure]


class LeaseRef(_Message, frozen=True):
    """One lease, by job and number."""

    job: str
    lease: int


class Returned(_Message, frozen=True):
    """Given back uncharged: by drain, recall or recycling, whether a decoder had begun or not."""

    leases: list[LeaseRef]


class Swept(_Message, frozen=True):
    """The sweeps of these jobs are done."""

    jobs: list[str]


class Found(_Message, frozen=True):
    """The old `names` of one step of the walk, the one that Walk named by `after`; `following` is the
    `after` of the next step, None at the end."""

    after: str
    names: list[str]
    following: str | None


class WorkerBeat(_Message, frozen=True):
    """Lists what is held, renewing the leases."""

    holding: list[Held]


class Draining(_Message, frozen=True):
    """The worker takes no more and finishes what it holds."""


class Leaving(_Message, frozen=True):
    """The worker holds nothing and is about to end."""


FromWorker = (
    Ready | Started | Published | Finished | Failed | Returned | Swept | Found | WorkerBeat | Draining | Leaving
)

# --- broker -> worker (ROUTER -> DEALER) ---


class Welcome(_Message, frozen=True):
    """The answer to Ready. On an epoch that it has not seen, a worker repeats unsettled answers."""

    epoch: int
    silence_seconds: float


class Introduce(_Message, frozen=True):
    """The broker does not know this worker (any more): say Ready."""

    epoch: int


class Assignment(_Message, frozen=True):
    """One job under lease number `lease`. `seconds` are counted from its start. `alone`: in a
    fresh decoder; `memory_bytes` is what that decoder may use."""

    job: str
    lease: int
    seconds: float
    memory_bytes: int
    alone: bool
    spec: bytes


class Assign(_Message, frozen=True):
    jobs: list[Assignment]


class Recall(_Message, frozen=True):
    """Give these back if no decoder began them (Returned); else go on and say nothing."""

    leases: list[LeaseRef]


class Abandon(_Message, frozen=True):
    """End these at once, killing the decoder: answered by Failed `cancelled` (repeated until settled)."""

    leases: list[LeaseRef]


class Settled(_Message, frozen=True):
    """The answers to these leases are committed, or were of no effect: forget them."""

    leases: list[LeaseRef]


class Drain(_Message, frozen=True):
    """Finish what is held, take no more, leave."""


class Sweep(_Message, frozen=True):
    """Delete these blobs and say Swept."""

    sweeps: list[tuple[str, list[str]]]


class Walk(_Message, frozen=True):
    """List the next blobs in order of name, at most `names_max` past `after`, and say Found with those
    that are older. Where `after` is empty, also delete what uploads left behind that are as old."""

    after: str
    older_than_seconds: float
    names_max: int


class BrokerBeat(_Message, frozen=True):
    """The broker lives."""

    epoch: int


ToWorker = Welcome | Introduce | Assign | Recall | Abandon | Settled | Drain | Sweep | Walk | BrokerBeat

_FROM_WEB = (Submit, Cancel, Requeue, Purge, Pause, Resume, DrainWorker)
_TO_WEB = (Hello, Receipts, Changes, Beat)
_FROM_WORKER = (Ready, Started, Published, Finished, Failed, Returned, Swept, Found, WorkerBeat, Draining, Leaving)
_TO_WORKER = (Welcome, Introduce, Assign, Recall, Abandon, Settled, Drain, Sweep, Walk, BrokerBeat)

_TYPES: tuple[type[_Message], ...] = _FROM_WEB + _TO_WEB + _FROM_WORKER + _TO_WORKER
_NAMES = {kind: kind.__name__ for kind in _TYPES}
_encode = msgspec.msgpack.Encoder().encode


class _Frame(msgspec.Struct, frozen=True, array_like=True):
    version: int
    type: str
    fields: msgspec.Raw


_open = msgspec.msgpack.Decoder(_Frame).decode


def encode(message: _Message) -> bytes:
    """The frame of a message. Raises WireFault where it would pass FRAME_BYTES_MAX."""
    frame = _encode((VERSION, _NAMES[type(message)], message))
    if len(frame) > FRAME_BYTES_MAX:
        raise WireFault(f"a {_NAMES[type(message)]} of {len(frame)} bytes passes {FRAME_BYTES_MAX}")
    return frame


class Reader:
    """Decodes the frames of one direction; a type of another direction is as malformed as noise."""

    def __init__(self, *types: type[_Message]) -> None:
        self._decoders = {_NAMES[kind]: msgspec.msgpack.Decoder(kind).decode for kind in types}

    def decode(self, frame: bytes) -> Any:
        """The message in `frame`. Raises WireFault, and nothing else, where there is none."""
        try:
            opened = _open(frame)
            if opened.version not in VERSIONS:
                raise WireFault(f"unknown protocol version {opened.version}", code="unknown_version")
            return self._decoders[opened.type](opened.fields)
        except (msgspec.MsgspecError, KeyError, ValueError, RecursionError) as error:
            raise WireFault(f"malformed frame of {len(frame)} bytes: {error}") from None


from_web = Reader(*_FROM_WEB)
to_web = Reader(*_TO_WEB)
from_worker = Reader(*_FROM_WORKER)
to_worker = Reader(*_TO_WORKER)
