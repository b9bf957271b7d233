"""The messages between the roles, and their frames (docs/protocol.md has the prose).

One message is one frame: a msgpack array of version, type and fields. `decode` raises WireFault
and nothing else on anything that is not a message of ours. Owns how much one message may say: each text and each list
has a bound here, so that what is decoded can be kept, and what is made of it can be said. Owns no socket.
"""

from typing import Annotated, Any

import msgspec
from msgspec import Meta

from jobs.errors import WireFault
from jobs.job import PRIORITIES, Cost, Count, Rendition, Text
from jobs.limits import FILES_PER_POST_MAX, RENDITIONS_MAX
from jobs.records import Lane, LaneName, Where

VERSION = 1
VERSIONS = frozenset({VERSION})
FRAME_BYTES_MAX = 4 * 1024 * 1024
"""MAXMSGSIZE of every socket. libzmq disconnects a sender that passes it, so senders check first."""

ITEMS_MAX = 10_000
"""Of a message's list: ten times the largest CAPACITY. What has more goes out as several messages."""
VIEWS_MAX = 100_000
"""Of a beat's lists of lanes and tenants: six lanes for each of KEYS_MAX tenants are 60,000."""
SPEC_BYTES_MAX = 32 * 1024
"""Of a job's spec: its recipe has RECIPE_BYTES_MAX at most, the texts beside it 4 KB. FILES_PER_POST_MAX of them fit
into a frame."""
NAMES_MAX = 1000
"""Blobs of one job's sweep in one message, and of one step of the walk: half a megabyte at their longest."""
BLOB_CHARACTERS_MAX = 521
"""Of a blob's name as a file system may have it: `processed/`, a folder and a file of 255 characters each."""

CHANGES_TOPIC = b"changes."
BEAT_TOPIC = b"beat."


def receipts_topic(web: str) -> bytes:
    """The topic of one web process's receipts. Topics match by prefix, so each ends in a dot."""
    return b"receipts." + web.encode() + b"."


Priority = Annotated[int, Meta(ge=0, lt=len(PRIORITIES))]
Seconds = Annotated[float, Meta(ge=0, le=1e11)]
"""Finite, as times and durations of a broker that computes with them must be."""
Debt = Annotated[float, Meta(ge=-1e11, le=1e11)]
Capacity = Annotated[int, Meta(ge=0, le=1000)]
Place = Annotated[int, Meta(ge=0, le=2**53)]
"""Of a job in the order of acceptance, 0 is before all."""
Detail = Annotated[str, Meta(max_length=1000)]
"""Why a try failed, in a worker's words: it cuts them at 300 characters."""
Blob = Annotated[str, Meta(max_length=BLOB_CHARACTERS_MAX)]
Digest = Annotated[bytes, Meta(max_length=64)]
"""Ours have 32 bytes."""
SpecBytes = Annotated[bytes, Meta(max_length=SPEC_BYTES_MAX)]
Many = Meta(max_length=ITEMS_MAX)
Views = Meta(max_length=VIEWS_MAX)
Names = Annotated[list[Blob], Meta(max_length=NAMES_MAX)]
Counts = Annotated[dict[Text, Count], Meta(max_length=64)]
"""Of jobs, by state."""


class _Message(msgspec.Struct, frozen=True, array_like=True, gc=False):
    pass


# --- web -> broker (PUSH -> PULL) ---


class NewJob(_Message, frozen=True):
    """One job of a Submit. `pixels` is 0 where the head did not tell, `cost_ms` (CPU milliseconds, as explain reckons
    them) where nobody did. `key` is the HMAC of an Idempotency-Key and `fingerprint` the digest of what was asked
    under it, both or neither."""

    id: Text
    tenant: Text
    priority: Priority
    pixels: Count
    reference: Text | None
    preset: Text | None
    batch: Text | None
    content: Digest
    spec: SpecBytes
    key: Digest | None = None
    fingerprint: Digest | None = None
    cost_ms: Seconds = 0.0


class Use(_Message, frozen=True):
    """The grant under which a POST comes: each of its jobs is one of `count` uses, until wall time `expires_at`."""

    grant: Text
    count: Count
    expires_at: Seconds


class Submit(_Message, frozen=True):
    """All jobs of one POST, accepted whole or not at all. `at`: wall time of the POST."""

    web: Text
    request: Text
    at: Seconds
    jobs: Annotated[list[NewJob], Meta(min_length=1, max_length=FILES_PER_POST_MAX)]
    grant: Use | None = None


class Cancel(_Message, frozen=True):
    """Cancel one job by `id`, or some of those that match `where` (`id` is then None): a step, which begins behind
    the place `after` and whose Receipt says where the next one does."""

    web: Text
    request: Text
    id: Text | None = None
    where: Where | None = None
    after: Place = 0


class Requeue(_Message, frozen=True):
    """Run a dead, failed or cancelled job once more; or a step of those that match, as Cancel. `change` is the one
    job's as it was seen: where it has changed since, it was requeued, and this is a repeat. `counted`: for the tenant's
    rate."""

    web: Text
    request: Text
    id: Text | None = None
    where: Where | None = None
    change: int | None = None
    counted: bool = False
    after: Place = 0


class Purge(_Message, frozen=True):
    """Remove an ended job and its files; or a step of those that match, as Cancel."""

    web: Text
    request: Text
    id: Text | None = None
    where: Where | None = None
    after: Place = 0


class Pause(_Message, frozen=True):
    """Stop dispatching; survives restarts."""

    web: Text
    request: Text


class Resume(_Message, frozen=True):
    """Dispatch again."""

    web: Text
    request: Text


class DrainWorker(_Message, frozen=True):
    """Let one worker finish what it holds and leave."""

    web: Text
    request: Text
    incarnation: Text


FromWeb = Submit | Cancel | Requeue | Purge | Pause | Resume | DrainWorker

# --- broker -> web (XPUB -> SUB) ---

COMMITTED, KNOWN, CONFLICT, REFUSED = "committed", "known", "conflict", "refused"


class Receipt(_Message, frozen=True):
    """The ledger's answer to one request: `committed`; `known` (the key's jobs are `ids`, in file
    order); `conflict` (the key was used for other content); `refused` with a `code` of API
    section 4. Of a step of a command over many jobs, `matched` and `changed` count them, and `following` is the
    `after` of the next step, None at the end. `rate_limited`: `left` jobs are within the rate now, and enough for this
    POST after `retry_seconds`."""

    request: Text
    outcome: Text
    ids: Annotated[list[Text], Meta(max_length=FILES_PER_POST_MAX)] = []
    code: Text | None = None
    matched: int = 0
    changed: int = 0
    left: int = 0
    retry_seconds: Seconds = 0.0
    following: Place | None = None


class Hello(_Message, frozen=True):
    """The broker answers a web process's subscription: from `epoch` on it hears its receipts."""

    epoch: int


class Receipts(_Message, frozen=True):
    """All receipts of one turn for one web process."""

    epoch: int
    receipts: Annotated[list[Receipt], Many]


class Change(_Message, frozen=True):
    """One job changed: its newest state under change number `change`. `rendition` is set where
    the change is a rendition's publication. `code`, `detail` are the error's, else None. `removed`: purged.
    `lane` and `position` say where a job waits, or was assigned from, until a decoder begins it; else None and 0."""

    change: int
    id: Text
    tenant: Text
    state: Text
    attempts: int
    code: Text | None = None
    detail: Detail | None = None
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
    changes: Annotated[list[Change], Many]


class WorkerJob(_Message, frozen=True):
    """A job that a worker holds; `started_at` is wall time, None while it is prefetched."""

    id: Text
    started_at: Seconds | None
    tenant: Text = ""


class WorkerView(_Message, frozen=True):
    """A worker as /stats shows it; `since` is the wall time of its first Ready."""

    name: Text
    incarnation: Text
    state: Text
    capacity: Capacity
    jobs: Annotated[list[WorkerJob], Many]
    since: Seconds


class Share(_Message, frozen=True):
    """What a beat says of one tenant's jobs alone; its fields are those of the Beat."""

    counts: Counts
    oldest_at: Seconds | None
    accepted_per_minute: Seconds
    ended_per_minute: Seconds


class LaneView(_Message, frozen=True):
    """A lane in which jobs wait. `marks`: some of them, in order, each as (jobs ahead of it in the lane, its position);
    the last job is among them. `queued` is about right where the lane is longer than the broker's window."""

    lane: Lane
    queued: int
    marks: Annotated[list[tuple[int, int]], Meta(max_length=NAMES_MAX)]


class Waiting(_Message, frozen=True):
    """What a forecast needs (jobs/forecast.py). `seconds`: how long a job has taken lately, by the name of its lane and
    by its size class alone. `lanes` in the order of service. `free`: for each worker that takes jobs, in how many
    seconds it will have ended what it holds; None where that is not known. `debts`: by tenant, the seconds that they
    were given beyond the one that was served last."""

    seconds: Annotated[dict[LaneName, Seconds], Views]
    lanes: Annotated[list[LaneView], Views]
    free: Annotated[list[Seconds | None], Many]
    debts: Annotated[dict[Text, Debt], Views] = {}


class SweepsView(_Message, frozen=True):
    """Sweeps that are not done: how many, how many of these failed before, and why one did last. `walk`: why the walk
    does not go on, if it does not."""

    waiting: Count
    failing: Count
    why: Detail
    walk: Detail = ""


class Beat(_Message, frozen=True):
    """What /stats says, once a second and at every change of the roster. `oldest_at` is the wall
    time at which the oldest queued job was accepted. `tenants` has those with a name and with jobs.
    `over`: the tenants that have used up their rate, and the wall time from which each may upload again."""

    epoch: int
    at: Seconds
    change: int
    paused: bool
    counts: Counts
    oldest_at: Seconds | None
    workers: Annotated[list[WorkerView], Many]
    workers_wanted: int
    accepted_per_minute: Seconds
    ended_per_minute: Seconds
    tenants: Annotated[dict[Text, Share], Views] = {}
    waiting: Waiting | None = None
    over: Annotated[dict[Text, Seconds], Views] = {}
    sweeps: SweepsView | None = None


ToWeb = Hello | Receipts | Changes | Beat

# --- worker -> broker (DEALER -> ROUTER) ---


class Held(_Message, frozen=True):
    """A lease that a worker holds: `started` once a decoder began it."""

    job: Text
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
    holding: Annotated[list[Held], Many]
    draining: bool = False


class Start(_Message, frozen=True):
    """A decoder began the job at wall time `at`."""

    job: Text
    lease: int
    at: Seconds


class Started(_Message, frozen=True):
    jobs: Annotated[list[Start], Many]


class Publication(_Message, frozen=True):
    """One rendition landed in the blob store."""

    job: Text
    lease: int
    rendition: Rendition


class Published(_Message, frozen=True):
    renditions: Annotated[list[Publication], Many]


class Finish(_Message, frozen=True):
    """All renditions of the job are in the blob store, since wall time `ended_at`. `cached`: linked from the result
    cache, no decoder began; else one did, at `began_at`, whether its Start was said before or not."""

    job: Text
    lease: int
    renditions: Annotated[list[Rendition], Meta(max_length=RENDITIONS_MAX)]
    cost: Cost | None = None
    cached: bool = False
    began_at: Seconds | None = None
    ended_at: Seconds | None = None


class Finished(_Message, frozen=True):
    jobs: Annotated[list[Finish], Many]


class Failure(_Message, frozen=True):
    """The try ended without its renditions; `code` is a jobs.job.Code."""

    job: Text
    lease: int
    code: Text
    detail: Detail


class Failed(_Message, frozen=True):
    jobs: Annotated[list[Failure], Many]


class LeaseRef(_Message, frozen=True):
    """One lease, by job and number."""

    job: Text
    lease: int


class Returned(_Message, frozen=True):
    """Given back uncharged: by drain, recall or recycling, whether a decoder had begun or not."""

    leases: Annotated[list[LeaseRef], Many]


class Swept(_Message, frozen=True):
    """The sweeps of these jobs are done; those of others `failed`, each with why: they are asked for again, later."""

    jobs: Annotated[list[Blob], Many]
    failed: Annotated[list[tuple[Blob, Detail]], Many] = []


class Found(_Message, frozen=True):
    """The old `names` of one step of the walk, the one that Walk named by `after`; `following` is the
    `after` of the next step, None at the end. `failed`: why the step could not be done, if so (without names)."""

    after: Blob
    names: Names
    following: Blob | None
    failed: Detail = ""


class WorkerBeat(_Message, frozen=True):
    """Lists what is held, renewing the leases."""

    holding: Annotated[list[Held], Many]


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
    silence_seconds: Annotated[float, Meta(ge=0.1, le=1e11)]


class Introduce(_Message, frozen=True):
    """The broker does not know this worker (any more): say Ready."""

    epoch: int


class Assignment(_Message, frozen=True):
    """One job under lease number `lease`. `seconds` are counted from its start. `alone`: in a
    fresh decoder; `memory_bytes` is what that decoder may use."""

    job: Text
    lease: int
    seconds: Seconds
    memory_bytes: Count
    alone: bool
    spec: SpecBytes


class Assign(_Message, frozen=True):
    jobs: Annotated[list[Assignment], Many]


class Recall(_Message, frozen=True):
    """Give these back if no decoder began them (Returned); else go on and say nothing."""

    leases: Annotated[list[LeaseRef], Many]


class Abandon(_Message, frozen=True):
    """End these at once, killing the decoder: answered by Failed `cancelled` (repeated until settled)."""

    leases: Annotated[list[LeaseRef], Many]


class Settled(_Message, frozen=True):
    """The answers to these leases are committed, or were of no effect: forget them."""

    leases: Annotated[list[LeaseRef], Many]


class Drain(_Message, frozen=True):
    """Finish what is held, take no more, leave."""


class Sweep(_Message, frozen=True):
    """Delete these blobs and say Swept."""

    sweeps: Annotated[list[tuple[Blob, Names]], Many]


class Walk(_Message, frozen=True):
    """List the next blobs in order of name, at most `names_max` past `after`, and say Found with those
    that are older. Where `after` is empty, also delete what uploads left behind that are as old."""

    after: Blob
    older_than_seconds: Seconds
    names_max: Annotated[int, Meta(ge=1, le=NAMES_MAX)]


class BrokerBeat(_Message, frozen=True):
    """The broker lives."""

    epoch: int


ToWorker = Welcome | Introduce | Assign | Recall | Abandon | Settled | Drain | Sweep | Walk | BrokerBeat

FROM_WEB = (Submit, Cancel, Requeue, Purge, Pause, Resume, DrainWorker)
TO_WEB = (Hello, Receipts, Changes, Beat)
FROM_WORKER = (Ready, Started, Published, Finished, Failed, Returned, Swept, Found, WorkerBeat, Draining, Leaving)
TO_WORKER = (Welcome, Introduce, Assign, Recall, Abandon, Settled, Drain, Sweep, Walk, BrokerBeat)

TYPES: tuple[type[_Message], ...] = FROM_WEB + TO_WEB + FROM_WORKER + TO_WORKER
_NAMES = {kind: kind.__name__ for kind in TYPES}
_encode = msgspec.msgpack.Encoder().encode


class _Frame(msgspec.Struct, frozen=True, array_like=True):
    version: int
    type: str
    fields: msgspec.Raw


_open = msgspec.msgpack.Decoder(_Frame).decode


def encode(message: _Message) -> bytes:
    """The frame of a message. Raises WireFault where it would pass FRAME_BYTES_MAX, or holds a text in no encoding."""
    name = _NAMES[type(message)]
    try:
        frame = _encode((VERSION, name, message))
    except (UnicodeEncodeError, OverflowError) as error:
        raise WireFault(f"a {name} cannot be encoded: {error}") from None
    if len(frame) > FRAME_BYTES_MAX:
        raise WireFault(f"a {name} of {len(frame)} bytes passes {FRAME_BYTES_MAX}")
    return frame


_PARTS: dict[type[_Message], str] = {
    Receipts: "receipts", Started: "jobs", Published: "renditions", Finished: "jobs", Failed: "jobs",
    Returned: "leases", Swept: "jobs", WorkerBeat: "holding", Assign: "jobs", Recall: "leases", Abandon: "leases",
    Settled: "leases", Sweep: "sweeps",
}  # fmt: skip
"""The list of each message that says the same in several: half of it each time."""


def frames(message: _Message) -> tuple[list[bytes], int]:
    """The frame of a message, or those of its parts where its list is too long for one. The number is of what passes a
    frame, or cannot be encoded, by itself: that is left out, for whoever sends has more to say."""
    field = _PARTS.get(type(message), "")
    items: list[Any] = getattr(message, field) if field else []
    if len(items) <= ITEMS_MAX:
        try:
            return [encode(message)], 0
        except WireFault:
            if len(items) < 2:
                return [], 1
    made: list[bytes] = []
    left_out, half = 0, len(items) // 2
    for part in (items[:half], items[half:]):
        more, out = frames(msgspec.structs.replace(message, **{field: part}))
        made += more
        left_out += out
    return made, left_out


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


from_web = Reader(*FROM_WEB)
to_web = Reader(*TO_WEB)
from_worker = Reader(*FROM_WORKER)
to_worker = Reader(*TO_WORKER)
