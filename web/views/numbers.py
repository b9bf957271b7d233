"""The statistics of /stats and the warnings of /health/ready. Pure: a beat in, structs out."""

from collections.abc import Sequence
from typing import Annotated

from msgspec import Struct

from jobs.job import State
from jobs.wire import COURIER, IMAGES, Beat, DeliveriesView, Share, SweepsView, WorkerView
from web.views.fields import Counts, Id, Moment, Number, Whole, moment, says

_NO_SHARE = Share({}, None, 0.0, 0.0)


class Queue(Struct, frozen=True):
    """What waits."""

    depth: Annotated[Whole, says("Jobs that wait.")]
    oldest_seconds: Annotated[Number | None, says("The wait of the oldest; null: none waits.")]
    wait_seconds: Annotated[
        Number | None, says("The expected wait of a small job that comes now; null if it is not known.")
    ]
    paused: Annotated[bool, says("Whether dispatch is stopped; for a caller of one tenant also if that tenant's is.")]
    paused_tenants: Annotated[Sequence[str], says("Those of the tenants that the caller sees.")]


class HeldJob(Struct, frozen=True, gc=False):
    """A job that a worker has."""

    id: Annotated[Id, says("The job.")]
    seconds: Annotated[Number | None, says("Since its decoder began; null: it is prefetched.")]


class Worker(Struct, frozen=True):
    """A worker."""

    name: Annotated[str, says("Its name.")]
    incarnation: Annotated[str, says("Names this life of it.")]
    kind: Annotated[str, says("`images` or `courier`.")]
    state: Annotated[str, says("`idle`, `busy` or `draining`.")]
    capacity: Annotated[Whole, says("How many jobs it takes at once.")]
    jobs: Annotated[Sequence[HeldJob], says("Those of the jobs that the caller sees.")]
    since: Annotated[Moment | None, says("When it came.")]
    cache: Annotated[str | None, says("Why its result cache fails; null: it does not.")]


class Sweeps(Struct, frozen=True, gc=False):
    """Deletions of files."""

    waiting: Annotated[Whole, says("How many files wait.")]
    failing: Annotated[Whole, says("How many deletions fail.")]
    why: Annotated[str | None, says("Why they do.")]
    walk: Annotated[str | None, says("Why the search for files without a job has stopped; null: it has not.")]


class Deliveries(Struct, frozen=True, gc=False):
    """Deliveries of webhooks."""

    waiting: Annotated[Whole, says("How many wait.")]
    failed: Annotated[Whole, says("How many failed since the broker's start.")]
    failing: Annotated[Whole, says("Endpoints that fail.")]
    paused: Annotated[Whole, says("Those of them that are paused.")]


class Rates(Struct, frozen=True, gc=False):
    """Jobs a minute."""

    accepted_per_minute: Annotated[Number, says("Jobs that came.")]
    ended_per_minute: Annotated[Number, says("Jobs that ended.")]


class Stats(Struct, frozen=True):
    """The numbers of /stats."""

    queue: Annotated[
        Queue,
        says(
            "`depth`, `oldest_seconds`, `wait_seconds` (of a small job that comes now), `paused` (for a caller of one "
            "tenant also if that tenant is), `paused_tenants` (of those that the caller sees)."
        ),
    ]
    jobs: Annotated[Counts, says("Counts by state.")]
    workers: Annotated[
        Sequence[Worker],
        says(
            "Of each: `name`, `incarnation`, `kind` (`images`, `courier`), `state`, `capacity`, `jobs`, `since`, "
            "`cache`."
        ),
    ]
    workers_wanted: Annotated[Whole, says("How many would end all jobs within 10 s.")]
    sweeps: Annotated[Sweeps | None, says("Deletions that wait or fail; null for a caller of one tenant.")]
    deliveries: Annotated[
        Deliveries | None,
        says(
            "Of [webhooks](webhooks.md): `waiting`, `failed` since the broker's start, endpoints that are `failing`, "
            "and those of them that are `paused`; null for a caller of one tenant."
        ),
    ]
    rates: Annotated[Rates, says("`accepted_per_minute`, `ended_per_minute`.")]


def stats(beat: Beat, now: float, sees: str | None, wait_seconds: float | None) -> Stats:
    """The content of /stats for a caller who `sees` one tenant's jobs, or everyone's (None); `now` is wall time.
    `wait_seconds`: the expected wait of a small job of theirs that comes now."""
    share = beat if sees is None else beat.tenants.get(sees, _NO_SHARE)
    counts = {state.value: share.counts.get(state, 0) for state in State}
    queue = Queue(
        depth=counts[State.QUEUED],
        oldest_seconds=None if share.oldest_at is None else max(0.0, round(now - share.oldest_at, 3)),
        wait_seconds=None if wait_seconds is None else round(wait_seconds, 2),
        paused=beat.paused or sees in beat.paused_tenants,
        paused_tenants=[name for name in beat.paused_tenants if sees in (None, name)],
    )
    return Stats(
        queue=queue,
        jobs=counts,
        workers=[_worker(worker, now, sees) for worker in beat.workers],
        workers_wanted=beat.workers_wanted,
        sweeps=None if sees is not None or beat.sweeps is None else _sweeps(beat.sweeps),
        deliveries=None if sees is not None or beat.deliveries is None else _deliveries(beat.deliveries),
        rates=Rates(share.accepted_per_minute, share.ended_per_minute),
    )


def _worker(worker: WorkerView, now: float, sees: str | None) -> Worker:
    jobs = [
        HeldJob(held.id, None if held.started_at is None else max(0.0, round(now - held.started_at, 3)))
        for held in worker.jobs
        if sees in (None, held.tenant)
    ]
    return Worker(
        name=worker.name,
        incarnation=worker.incarnation,
        kind=worker.kind,
        state=worker.state,
        capacity=worker.capacity,
        jobs=jobs,
        since=moment(worker.since),
        cache=worker.cache or None,
    )


def _sweeps(sweeps: SweepsView) -> Sweeps:
    return Sweeps(sweeps.waiting, sweeps.failing, sweeps.why or None, sweeps.scan or None)


def _deliveries(view: DeliveriesView) -> Deliveries:
    return Deliveries(view.waiting, view.failed, view.failing, view.paused)


def able_workers(beat: Beat, kind: str = IMAGES) -> int:
    """How many workers of this kind take work: images, if it is not given."""
    return sum(worker.state != "draining" and worker.kind == kind for worker in beat.workers)


def warnings(beat: Beat) -> list[str]:
    """Problems with the processing of jobs, although uploads are taken."""
    found = []
    if not able_workers(beat):
        found.append("no worker takes jobs: accepted jobs wait")
    if beat.paused:
        found.append("paused: accepted jobs wait")
    if beat.paused_tenants:
        found.append(f"paused for {len(beat.paused_tenants)} tenants: their accepted jobs wait")
    if beat.sweeps and beat.sweeps.failing:
        found.append(f"deletions of files fail ({beat.sweeps.failing}): /stats and a worker's log say why")
    if beat.sweeps and beat.sweeps.scan:
        found.append("the search for files without a job has stopped: /stats and a worker's log say why")
    if beat.secrets > 1:
        found.append(
            f"the web hosts have {beat.secrets} different key.secret: copy one of them to all, or an upload that is "
            "repeated at another host becomes a second job"
        )
    if (told := beat.deliveries) is not None and told.waiting and not able_workers(beat, COURIER):
        found.append(f"no courier takes deliveries: {told.waiting} webhooks wait")
    if told is not None and told.paused:
        found.append(
            f"{told.paused} receivers of webhooks are paused, because they only failed for five days: "
            "GET /deliveries?state=failed shows them, and a replay tries them again"
        )
    if failing := [worker.cache for worker in beat.workers if worker.cache]:
        found.append(
            f"the result cache fails for {len(failing)} of {len(beat.workers)} workers ({min(failing)}): images are "
            "processed anew"
        )
    return found
