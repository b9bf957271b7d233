"""The answers of the server, as types. Members that are not here are in `raw`: a newer server may send more.

Knows no request and no HTTP. Times are texts (RFC 3339, UTC), durations seconds, sizes bytes, digests SHA-256 in hex.
"""

from dataclasses import dataclass
from typing import Any

from pixmill.core.reading import Answer

ENDED = frozenset({"done", "failed", "dead", "cancelled"})
"""The states in which a job has ended."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Upload(Answer):
    """A 202: the job is promised. `receipt` proves it; `ignored` are the fields that the server does not know."""

    id: str
    state: str
    filename: str
    status_url: str
    events_url: str
    url: str
    receipt: str
    ignored: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class BatchLink(Answer):
    """A batch by its name."""

    id: str
    status_url: str
    events_url: str


@dataclass(frozen=True, slots=True, kw_only=True)
class OpenedBatch(Answer):
    """A batch that uploads join by `batch=opened.id`, until it is closed."""

    id: str
    status_url: str


@dataclass(frozen=True, slots=True, kw_only=True)
class BatchUpload(Answer):
    """A 202 to many images: all of `jobs` are promised, in the order of the files. `ignored` as of Upload."""

    batch: BatchLink
    jobs: tuple[Upload, ...]
    ignored: tuple[str, ...] = ()

    @property
    def id(self) -> str:
        """The batch's."""
        return self.batch.id


@dataclass(frozen=True, slots=True, kw_only=True)
class JobError(Answer):
    """Why a job did not end well, or why it is tried again."""

    code: str
    detail: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Location(Answer):
    """Where a photo was taken: degrees north and east, metres above the sea."""

    latitude: float
    longitude: float
    altitude: float | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Info(Answer):
    """Facts about an original; docs/http.md has each. What the file does not tell is None. `location`, `serial` and
    `owner` are there only if the recipe asks for `location`."""

    orientation: int
    frames: int
    pages: int
    alpha: bool
    opaque: bool
    progressive: bool
    gain_map: bool
    phash: str
    duration_ms: int | None = None
    plays: int | None = None
    bits: int | None = None
    space: str | None = None
    chroma: str | None = None
    density: float | None = None
    profile: str | None = None
    code_points: tuple[int, ...] | None = None
    unmet: tuple[str, ...] = ()
    captured_at: str | None = None
    make: str | None = None
    model: str | None = None
    lens: str | None = None
    exposure: float | None = None
    f_number: float | None = None
    iso: int | None = None
    focal_mm: float | None = None
    artist: str | None = None
    copyright: str | None = None
    average: str | None = None
    palette: tuple[str, ...] = ()
    location: Location | None = None
    serial: str | None = None
    owner: str | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Original(Answer):
    """The uploaded image; its sides are unknown until it is decoded, if its head does not tell them. The upright sides
    are those after its EXIF orientation; an older server does not tell them."""

    format: str
    width: int | None
    height: int | None
    bytes: int
    digest: str
    url: str
    upright_width: int | None = None
    upright_height: int | None = None
    info: Info | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Box(Answer):
    """A part of the original, in its upright pixels; an edge may lie within a pixel."""

    left: float
    top: float
    width: float
    height: float


@dataclass(frozen=True, slots=True, kw_only=True)
class Rendition(Answer):
    """A picture that the recipe made. `quality`: with which it was encoded, if its format has one. `box`: the part of
    the original that it shows. `unmet`: what could not be kept or done."""

    name: str
    width: int
    height: int
    format: str
    bytes: int
    digest: str
    url: str
    quality: int | None = None
    box: Box | None = None
    unmet: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class SourceSet(Answer):
    """The renditions of one picture in one format, for HTML: the `type` and the `srcset` of a `source`."""

    name: str
    type: str
    srcset: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Placeholder(Answer):
    """The original in a few bytes, upright: `thumbhash` in base64, `blurhash`, and `lqip`, a WebP as a data: URI. Those
    that the recipe did not ask for are None."""

    thumbhash: str | None = None
    blurhash: str | None = None
    lqip: str | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class TimelineEntry(Answer):
    """One event in a job's life."""

    at: str
    event: str
    lease: int
    worker: str | None = None
    detail: str | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Cost(Answer):
    """What the decoder used."""

    cpu_ms: float
    peak_bytes: int


@dataclass(frozen=True, slots=True, kw_only=True)
class Delivery(Answer):
    """An event that a receiver is told of (a webhook). `state` is waiting, delivered, failed or stopped; `status`,
    `error` and `answer` are those of the last attempt; `due_at` is the time of the next one."""

    id: str
    type: str
    url: str
    state: str
    attempts: int
    change: int
    created_at: str
    job: str | None = None
    batch: str | None = None
    status: int | None = None
    error: str | None = None
    answer: str | None = None
    due_at: str | None = None
    ended_at: str | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Job(Answer):
    """A job as it is now. Lists leave out `timeline`, `recipe`, `srcset` and `deliveries`. `receipt` is there after an
    upload that waited."""

    id: str
    state: str
    filename: str
    status_url: str
    events_url: str
    attempts: int
    change: int
    error: JobError | None
    original: Original
    renditions: tuple[Rendition, ...]
    accepted_at: str
    ended_at: str | None
    expires_at: str | None = None
    reference: str | None = None
    metadata: Any = None
    preset: str | None = None
    recipe: dict[str, Any] | None = None
    priority: str = "normal"
    cached: bool = False
    dominant_colour: str | None = None
    placeholder: Placeholder | None = None
    timeline: tuple[TimelineEntry, ...] = ()
    cost: Cost | None = None
    queue_position: int | None = None
    eta_seconds: float | None = None
    batch: str | None = None
    receipt: str | None = None
    source_url: str | None = None
    trace: str | None = None
    deliveries: tuple[Delivery, ...] = ()
    srcset: tuple[SourceSet, ...] = ()

    @property
    def ended(self) -> bool:
        """Whether it has ended, however it did."""
        return self.ended_at is not None

    def rendition(self, name: str) -> Rendition:
        """The rendition of that name. Raises KeyError."""
        for each in self.renditions:
            if each.name == name:
                return each
        raise KeyError(name)


@dataclass(frozen=True, slots=True, kw_only=True)
class Batch(Answer):
    """The jobs of a batch, in the order in which they came, without their timelines. `ended` of the `total` have ended;
    `counts` has them by state. `open`: more jobs may join it. `events_url`: None while it has no job."""

    id: str
    total: int
    ended: int
    counts: dict[str, int]
    events_url: str | None
    jobs: tuple[Job, ...]
    open: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class Grant(Answer):
    """A grant to upload `count` images by `preset`, at most `bytes_max` bytes in one POST. `grant` is its text."""

    grant: str
    id: str
    preset: str
    bytes_max: int
    count: int
    expires_at: str
    reference: str | None = None
    origin: str | None = None
    webhook_url: str | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class ViewGrant(Answer):
    """A grant to look at one `job`. `grant` is its text."""

    grant: str
    job: str
    expires_at: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Page(Answer):
    """A part of a list of jobs; `next` is where the next one begins."""

    jobs: tuple[Job, ...]
    next: str | None


@dataclass(frozen=True, slots=True, kw_only=True)
class DeliveryPage(Answer):
    """A part of a list of deliveries; `next` is where the next one begins."""

    deliveries: tuple[Delivery, ...]
    next: str | None


@dataclass(frozen=True, slots=True, kw_only=True)
class Action(Answer):
    """A command that was carried out. `who`: the first 8 hex digits of the digest of the key that gave it; None without
    keys. `filter`: what it named. `count`: how many jobs, deliveries or workers it changed so far."""

    id: str
    at: str
    verb: str
    filter: dict[str, Any]
    count: int
    who: str | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class JobLog(Answer):
    """What all roles of a machine logged of a job: `lines` in the order of time. Not `complete`: there may be older
    ones."""

    job: str
    lines: tuple[dict[str, Any], ...]
    complete: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class ActionPage(Answer):
    """A part of a list of actions; `next` is where the next one begins."""

    actions: tuple[Action, ...]
    next: str | None


@dataclass(frozen=True, slots=True, kw_only=True)
class Changed(Answer):
    """What a command over many jobs did: how many matched, and how many it changed."""

    matched: int
    changed: int


@dataclass(frozen=True, slots=True, kw_only=True)
class Queue(Answer):
    """The queue: `depth` jobs wait, the oldest for `oldest_seconds`; a job that comes now waits for `wait_seconds`.
    `paused_tenants`: those whose jobs wait, paused or not the queue."""

    depth: int
    oldest_seconds: float | None
    paused: bool
    wait_seconds: float | None = None
    paused_tenants: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class HeldJob(Answer):
    """A job in a worker's hands, running for `seconds`; None: it waits there."""

    id: str
    seconds: float | None


@dataclass(frozen=True, slots=True, kw_only=True)
class Worker(Answer):
    """A worker: `state` is idle, busy or draining. `kind`: `images`, or `courier` for one that speaks with strangers
    (webhooks, pictures from an address)."""

    name: str
    incarnation: str
    state: str
    capacity: int
    jobs: tuple[HeldJob, ...]
    since: str | None
    kind: str = "images"


@dataclass(frozen=True, slots=True, kw_only=True)
class Rates(Answer):
    """Jobs in the last minute."""

    accepted_per_minute: float
    ended_per_minute: float


@dataclass(frozen=True, slots=True, kw_only=True)
class Lasted(Answer):
    """Seconds on average, and those that 95 % did not exceed; None: it did not happen."""

    mean: float | None
    p95: float | None


@dataclass(frozen=True, slots=True, kw_only=True)
class SlowJob(Answer):
    """One of the slowest jobs: the seconds from its last begin to its end. It may be purged since."""

    id: str
    seconds: float
    tenant: str


@dataclass(frozen=True, slots=True, kw_only=True)
class CodeCount(Answer):
    """How many jobs ended with this code."""

    code: str
    count: int


@dataclass(frozen=True, slots=True, kw_only=True)
class Interval(Answer):
    """Five minutes in figures. `counted_seconds`: how long a broker counted. `ended` is by state, `codes` by code.
    Waits are from acceptance to the begin, runs from there to the end."""

    at: str
    counted_seconds: float
    accepted: int
    ended: dict[str, int]
    codes: dict[str, int]
    queued_max: int
    oldest_seconds: float
    workers_min: int
    workers_max: int
    wait_seconds: Lasted
    run_seconds: Lasted
    slowest: tuple[SlowJob, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class Hour(Answer):
    """The last hour: the most frequent codes and the slowest jobs, each list from its highest figure on."""

    codes: tuple[CodeCount, ...]
    slowest: tuple[SlowJob, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class History(Answer):
    """The last hours. An interval in which no broker counted is missing."""

    step_seconds: int
    intervals: tuple[Interval, ...]
    hour: Hour


@dataclass(frozen=True, slots=True, kw_only=True)
class Stats(Answer):
    """The cluster in numbers; `jobs` counts by state."""

    queue: Queue
    jobs: dict[str, int]
    workers: tuple[Worker, ...]
    rates: Rates
    workers_wanted: int | None = None
