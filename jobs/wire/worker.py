"""Between worker and broker: leases, answers, sweeps, the scan of the blobs, signs of life."""

from typing import Annotated

from msgspec import Meta

from jobs.job import Cost, Count, FactBytes, Rendition, Text
from jobs.limits import RENDITIONS_MAX
from jobs.wire.courier import Deliver, Delivered, Fetch, Fetched
from jobs.wire.fields import IMAGES, NAMES_MAX, Blob, Capacity, Detail, Many, Message, Names, Seconds, SpecBytes

# --- worker -> broker (DEALER -> ROUTER) ---


class Held(Message, frozen=True):
    """A lease that a worker holds: `started` once a decoder began it."""

    job: Text
    lease: int
    started: bool


class Ready(Message, frozen=True):
    """A worker introduces itself: how many jobs it takes in all, and which it holds. `engine` is
    the version of its image code. Sent on every new connection.

    A courier says `kind` COURIER: it takes `slots` deliveries and fetches in all, and no other job. Its `capacity` is
    0, so a broker of the version before gives it none."""

    incarnation: Text
    name: Text
    pid: int
    capacity: Capacity
    engine: Text
    holding: Annotated[list[Held], Many]
    draining: bool = False
    kind: Text = IMAGES
    slots: Capacity = 0


class Start(Message, frozen=True):
    """A decoder began the job at wall time `at`."""

    job: Text
    lease: int
    at: Seconds


class Started(Message, frozen=True):
    jobs: Annotated[list[Start], Many]


class Description(Message, frozen=True):
    """A decoder has found the `facts` of the job's original. They come with its Finish, too."""

    job: Text
    lease: int
    facts: FactBytes


class Described(Message, frozen=True):
    jobs: Annotated[list[Description], Many]


class Publication(Message, frozen=True):
    """One rendition landed in the blob store."""

    job: Text
    lease: int
    rendition: Rendition


class Published(Message, frozen=True):
    renditions: Annotated[list[Publication], Many]


class Times(Message, frozen=True):
    """How long a decoder's job took: the `seconds` of each stage, in the order of jobs.figures.cluster.STAGES, and the
    `format` of its original."""

    format: Text
    seconds: Annotated[list[Seconds], Meta(max_length=8)]


class Finish(Message, frozen=True):
    """All renditions of the job are in the blob store, since wall time `ended_at`. `cached`: they were linked from the
    result cache, and no decoder began. Else a decoder began at `began_at`, even if no Start was sent before, and
    `times` says where its time went. `facts`: of the original, if the recipe asks for them."""

    job: Text
    lease: int
    renditions: Annotated[list[Rendition], Meta(max_length=RENDITIONS_MAX)]
    cost: Cost | None = None
    cached: bool = False
    began_at: Seconds | None = None
    ended_at: Seconds | None = None
    times: Times | None = None
    facts: FactBytes = b""


class Finished(Message, frozen=True):
    jobs: Annotated[list[Finish], Many]


class Failure(Message, frozen=True):
    """The try ended without its renditions; `code` is a jobs.job.Code. `retry_after`: the seconds that a source asked
    us to wait, if any."""

    job: Text
    lease: int
    code: Text
    detail: Detail
    retry_after: Seconds | None = None


class Failed(Message, frozen=True):
    jobs: Annotated[list[Failure], Many]


class LeaseRef(Message, frozen=True):
    """One lease, by job and number."""

    job: Text
    lease: int


class Returned(Message, frozen=True):
    """Given back without a charge: by drain, recall or recycling, even if a decoder had begun."""

    leases: Annotated[list[LeaseRef], Many]


class Swept(Message, frozen=True):
    """The sweeps of these jobs are done. Those in `failed` were not, each for its reason: they are sent again later."""

    jobs: Annotated[list[Blob], Many]
    failed: Annotated[list[tuple[Blob, Detail]], Many] = []


class Found(Message, frozen=True):
    """The old `names` of one step of the scan (OrphanScan named the step by `after`). `following` is the
    `after` of the next step, None at the end. `failed`: why the step failed, if it did (without names)."""

    after: Blob
    names: Names
    following: Blob | None
    failed: Detail = ""


class WorkerBeat(Message, frozen=True):
    """Lists what is held, renewing the leases. `cache`: why the result cache fails for this worker, empty while it does
    not."""

    holding: Annotated[list[Held], Many]
    cache: Text = ""


class Draining(Message, frozen=True):
    """The worker takes no more and finishes what it holds."""


class Leaving(Message, frozen=True):
    """The worker holds nothing and is about to end."""


FromWorker = (
    Ready
    | Started
    | Described
    | Published
    | Finished
    | Failed
    | Returned
    | Swept
    | Found
    | WorkerBeat
    | Draining
    | Leaving
    | Delivered
    | Fetched
)


# --- broker -> worker (ROUTER -> DEALER) ---


class Welcome(Message, frozen=True):
    """The answer to Ready. If the epoch is new to the worker, it repeats its unsettled answers."""

    epoch: int
    silence_seconds: Annotated[float, Meta(ge=0.1, le=1e11)]


class Introduce(Message, frozen=True):
    """The broker does not know this worker (any more): say Ready."""

    epoch: int


class Assignment(Message, frozen=True):
    """One job under lease number `lease`. `seconds` are counted from its start. `alone`: in a
    fresh decoder; `memory_bytes` is that decoder's limit."""

    job: Text
    lease: int
    seconds: Seconds
    memory_bytes: Count
    alone: bool
    spec: SpecBytes


class Assign(Message, frozen=True):
    jobs: Annotated[list[Assignment], Many]


class Recall(Message, frozen=True):
    """Give these back if no decoder began them (Returned); else go on and say nothing."""

    leases: Annotated[list[LeaseRef], Many]


class Abandon(Message, frozen=True):
    """End these at once, killing the decoder: answered by Failed `cancelled` (repeated until settled)."""

    leases: Annotated[list[LeaseRef], Many]


class Settled(Message, frozen=True):
    """The answers to these leases are committed, or had no effect: forget them."""

    leases: Annotated[list[LeaseRef], Many]


class Drain(Message, frozen=True):
    """Finish what is held, take no more, leave."""


class Sweep(Message, frozen=True):
    """Delete these blobs and say Swept."""

    sweeps: Annotated[list[tuple[Blob, Names]], Many]


class OrphanScan(Message, frozen=True):
    """List the next blobs in order of name, at most `names_max` after `after`, and answer Found with the old ones.
    If `after` is empty, also delete the left-overs of uploads that are as old."""

    after: Blob
    older_than_seconds: Seconds
    names_max: Annotated[int, Meta(ge=1, le=NAMES_MAX)]


class BrokerBeat(Message, frozen=True):
    """The broker lives."""

    epoch: int


ToWorker = (
    Welcome
    | Introduce
    | Assign
    | Recall
    | Abandon
    | Settled
    | Drain
    | Sweep
    | OrphanScan
    | BrokerBeat
    | Deliver
    | Fetch
)
