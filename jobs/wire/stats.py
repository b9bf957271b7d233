"""The broker's beat: the source of /stats, of the page and of forecasts."""

from typing import Annotated

from msgspec import Meta

from jobs.job import Count, Text
from jobs.records import LOCAL, Lane, LaneName
from jobs.wire.fields import IMAGES, NAMES_MAX, Capacity, Counts, Debt, Detail, Many, Message, Seconds, Views, Weight


class WorkerJob(Message, frozen=True):
    """A job that a worker holds; `started_at` is wall time, None while it is prefetched."""

    id: Text
    started_at: Seconds | None
    tenant: Text = ""


class WorkerView(Message, frozen=True):
    """A worker as /stats shows it; `since` is the wall time of its first Ready. `cache`: as in its WorkerBeat.
    `kind`: as in its Ready. The `capacity` of a courier is its slots."""

    name: Text
    incarnation: Text
    state: Text
    capacity: Capacity
    jobs: Annotated[list[WorkerJob], Many]
    since: Seconds
    cache: Text = ""
    kind: Text = IMAGES


class Share(Message, frozen=True):
    """The part of a beat for one tenant's jobs alone; its fields are those of the Beat."""

    counts: Counts
    oldest_at: Seconds | None
    accepted_per_minute: Seconds
    ended_per_minute: Seconds


class LaneView(Message, frozen=True):
    """A lane in which jobs wait. `marks`: some of these jobs, in order, each as (jobs ahead of it in the lane, its
    position); the last job is among them. `queued` is approximate if the lane is longer than the broker's window."""

    lane: Lane
    queued: int
    marks: Annotated[list[tuple[int, int]], Meta(max_length=NAMES_MAX)]


class Waiting(Message, frozen=True):
    """The input of a forecast (web/broker/forecast.py). `seconds`: the recent duration of a job, by the name of its
    lane and by its size class alone. `lanes` are in the order of service. `free`: for each worker that takes jobs, the
    seconds until it has finished what it holds; None if that is unknown. `debts`: by tenant, the seconds that they were
    given beyond the tenant that was served last, divided by their weight. `weights`: those that are
    not 1."""

    seconds: Annotated[dict[LaneName, Seconds], Views]
    lanes: Annotated[list[LaneView], Views]
    free: Annotated[list[Seconds | None], Many]
    debts: Annotated[dict[Text, Debt], Views] = {}
    weights: Annotated[dict[Text, Weight], Many] = {}


class SweepsView(Message, frozen=True):
    """Sweeps that are not done: their number, how many of them failed before, and the last reason. `scan`: why the scan
    for orphans is stopped, if it is."""

    waiting: Count
    failing: Count
    why: Detail
    scan: Detail = ""


class DeliveriesView(Message, frozen=True):
    """Deliveries that wait or are on their way, those that failed since the broker's start, the endpoints whose
    attempts fail, and those of them that are paused."""

    waiting: Count
    failed: Count
    failing: Count
    paused: Count


class Figures(Message, frozen=True):
    """What the broker counts for /metrics, once a second. `number` grows with each of an epoch. `cells` are laid out as
    the digest `layout` says (jobs/figures/cluster.py): a reader with another one leaves them out. `cpu_ms`: by
    preset. `oldest_delivery_seconds`: since when a delivery could not be made. `oldest_queued_seconds`: since when the
    oldest queued job was accepted, of those tenants who may run any."""

    number: Count
    layout: Text
    cells: Annotated[list[Count], Many]
    cpu_ms: Annotated[dict[Text, Seconds], Many] = {}
    oldest_delivery_seconds: Seconds = 0.0
    oldest_queued_seconds: Seconds = 0.0


class Beat(Message, frozen=True):
    """The content of /stats, sent once a second and at every change of the roster. `oldest_at` is the
    wall time at which the oldest queued job was accepted. `tenants` has those with a name and with jobs.
    `over`: the tenants that have used up their rate, and the wall time from which each may upload again.
    `durability`: what a 202 rests on, in one word (jobs.records.Durability). `began`: the last change number before
    this term. `history`: changes if the ledger may have lost commits (jobs.records.Restored).
    `edition`: the broker's EDITION of messages. `secrets`: how many different key.secret the web processes had
    lately. `paused_tenants`: those that an operator paused. `full_tenants`: those that have as many running jobs as the
    file of tenants allows, so that no further one is begun now. `figures`: in the beats of each second,
    not in those at a change of the roster."""

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
    durability: Text = LOCAL
    began: Annotated[int, Meta(ge=0, le=2**53)] | None = None
    history: Text = ""
    edition: int = 0
    secrets: Count = 0
    deliveries: DeliveriesView | None = None
    paused_tenants: Annotated[list[Text], Many] = []
    full_tenants: Annotated[list[Text], Many] = []
    figures: Figures | None = None
