"""Jobs, batches and statistics as the API shows them. Pure: rows in, plain values out.

Knows no request: every address starts with the `base` that is passed in.
"""

from collections import Counter
from collections.abc import Callable
from datetime import UTC, datetime
from typing import Any, NamedTuple

import msgspec

from host.egress.sources import shown
from jobs.images.turns import ORIENTATIONS
from jobs.job import (
    ENDED,
    PRIORITIES,
    Original,
    Outcome,
    Rendition,
    Row,
    State,
    TimelineEntry,
    decode_outcome,
    decode_spec,
    original_of,
)
from jobs.records import BatchEntry
from jobs.wire import COURIER, IMAGES, Beat, Change, DeliveriesView, Share, SweepsView, WorkerView
from web.broker.waiting import Place, Places

View = dict[str, Any]
ByGrant = Callable[[Row], str]
"""Suffix for a job's URLs: `?grant=...` if the caller used a grant, else "". An original's URL has none: a grant shows
renditions only."""
_UNKNOWN = Original("", "", 0, 0, 0, "")
"""Of a job whose original is still to be fetched."""
_NO_SHARE = Share({}, None, 0.0, 0.0)


def at(seconds: float | None) -> str | None:
    """RFC 3339 in UTC with milliseconds."""
    if seconds is None:
        return None
    return datetime.fromtimestamp(seconds, UTC).isoformat(timespec="milliseconds").replace("+00:00", "Z")


_ALONE = ("recipe", "timeline")
"""The fields of a job that lists leave out: they are larger than all others together."""


def job(row: Row, base: str, place: Place, by_grant: str = "") -> View:
    """A job. Its addresses end with `by_grant`."""
    spec, outcome = decode_spec(row.spec), decode_outcome(row.outcome)
    here = f"{base}/jobs/{row.id}"
    view: View = {
        "id": row.id,
        "state": row.state,
        "filename": spec.filename,
        "reference": spec.reference,
        "metadata": None if spec.metadata is None else msgspec.Raw(spec.metadata.encode()),
        "preset": spec.preset,
        "recipe": msgspec.Raw(spec.recipe.encode()),
        "priority": PRIORITIES[row.priority],
        "attempts": row.attempts,
        "cached": outcome.cached,
        "error": _error(outcome),
        "original": _original(original_of(spec, outcome) or _UNKNOWN, outcome.renditions, here),
        "source_url": None if spec.source is None else shown(spec.source),
        "renditions": [rendition(each, here, by_grant) for each in outcome.renditions],
        "dominant_colour": outcome.renditions[0].dominant_colour if outcome.renditions else None,
        "timeline": [_timeline_entry(each) for each in outcome.timeline],
        "cost": outcome.cost and {"cpu_ms": outcome.cost.cpu_ms, "peak_bytes": outcome.cost.peak_bytes},
        **place._asdict(),
        "batch": batch_of(row),
        "accepted_at": at(row.accepted_at),
        "ended_at": at(row.ended_at),
        "expires_at": at(outcome.expires_at),
        "change": row.change,
        "status_url": here + by_grant,
        "events_url": f"{here}/events{by_grant}",
    }
    return view


def listed(row: Row, base: str, place: Place, by_grant: str = "") -> View:
    """A job of a list or a batch."""
    return {name: value for name, value in job(row, base, place, by_grant).items() if name not in _ALONE}


def batch_of(row: Row) -> str:
    """The batch's id; a POST of one file is a batch by the job's own id."""
    return row.batch or row.id


def _original(original: Original, renditions: list[Rendition], here: str) -> View:
    """The original with its sides as stored: those of its head, else those that the decoder found. Its upright sides
    are those of a viewer that follows its orientation."""
    found = (renditions[0].original if renditions else None) or (None, None)
    stored = (original.width or found[0], original.height or found[1])
    turned = ORIENTATIONS[original.orientation].swap
    upright = (stored[::-1] if turned else stored) if original.orientation else (None, None)
    return {
        "format": original.format,
        "width": stored[0],
        "height": stored[1],
        "upright_width": upright[0],
        "upright_height": upright[1],
        "bytes": original.bytes,
        "digest": original.digest,
        "url": f"{here}/original",
    }


def rendition(published: Rendition, here: str, by_grant: str = "") -> View:
    """A rendition of the job at address `here`."""
    return {
        "name": published.name,
        "width": published.width,
        "height": published.height,
        "format": published.format,
        "bytes": published.bytes,
        "digest": published.digest,
        "unmet": published.unmet,
        "url": f"{here}/renditions/{published.name}{by_grant}",
    }


def _timeline_entry(entry: TimelineEntry) -> View:
    return entry._asdict() | {"at": at(entry.at)}


def upload(rows: list[Row], base: str, ignored: list[str], receipts: list[str], by_grant: ByGrant) -> View:
    """The answer to an upload, with a receipt for each job; with one file that job's fields are at the top as well."""
    jobs = [_uploaded(row, base, receipt, by_grant(row)) for row, receipt in zip(rows, receipts, strict=True)]
    here = {"id": batch_of(rows[0]), "status_url": f"{base}/batches/{batch_of(rows[0])}"}
    view: View = {"jobs": jobs, "batch": here | {"events_url": _batch_events(rows, base, by_grant)}, "ignored": ignored}
    return jobs[0] | view if len(jobs) == 1 else view


def ended(
    rows: list[Row],
    joined: "FoundBatch | None",
    base: str,
    ignored: list[str],
    receipts: list[str],
    places: Places,
    by_grant: ByGrant,
    now: float,
) -> View:
    """The answer to an upload that waited for its end: the whole job or batch, with what `upload` tells beside it.
    `joined`: the open batch that the jobs joined. It is told in numbers, because others may be in it, too."""
    if len(rows) == 1:
        view = job(rows[0], base, places(rows[0]), by_grant(rows[0])) | {"receipt": receipts[0]}
    else:
        found = joined or FoundBatch(batch_of(rows[0]), None, Counter(row.state for row in rows))
        jobs = [listed(row, base, places(row), by_grant(row)) for row in rows]
        view = batch(found, base, now) | {"events_url": _batch_events(rows, base, by_grant)}
        view["jobs"] = [each | {"receipt": receipt} for each, receipt in zip(jobs, receipts, strict=True)]
    return view | {"ignored": ignored}


def _uploaded(row: Row, base: str, receipt: str, by_grant: str) -> View:
    here = f"{base}/jobs/{row.id}"
    return {
        "id": row.id,
        "state": row.state,
        "filename": decode_spec(row.spec).filename,
        "status_url": here + by_grant,
        "events_url": f"{here}/events{by_grant}",
        "url": f"{here}/original",
        "receipt": receipt,
    }


class FoundBatch(NamedTuple):
    """A batch as it was read. `entry`: None for a single job, and for a batch that ended long ago. `counts`: its jobs
    by state. `single`: the job that is the batch alone."""

    id: str
    entry: BatchEntry | None
    counts: Counter[str]
    single: Row | None = None

    @property
    def total(self) -> int:
        """How many jobs it has."""
        return self.counts.total()

    def is_open(self, now: float) -> bool:
        """Whether jobs may join it at wall time `now`."""
        entry = self.entry
        return entry is not None and entry.ended_at is None and (entry.open_until or 0.0) > now


def batch(found: FoundBatch, base: str, now: float) -> View:
    """A batch at wall time `now`, without its jobs."""
    return {
        "id": found.id,
        "open": found.is_open(now),
        "total": found.total,
        "ended": sum(found.counts[state] for state in ENDED),
        "counts": found.counts,
        "events_url": f"{base}/batches/{found.id}/events" if found.total else None,
    }


def batch_with_jobs(found: FoundBatch, rows: list[Row], base: str, places: Places, now: float) -> View:
    """A batch at wall time `now` with its jobs, which were read after it."""
    counted = found._replace(counts=Counter(row.state for row in rows))
    return batch(counted, base, now) | {"jobs": [listed(row, base, places(row)) for row in rows]}


def _batch_events(rows: list[Row], base: str, by_grant: ByGrant) -> str:
    """The address of one stream of all these jobs. A caller with an upload grant gets a grant for each of them."""
    if by_grant(rows[0]):
        return f"{base}/events?{'&'.join(by_grant(row).removeprefix('?') for row in rows)}"
    return f"{base}/batches/{batch_of(rows[0])}/events"


def change(changed: Change) -> View:
    """A change of a job as an event's data."""
    view: View = {"id": changed.id, "state": changed.state, "change": changed.change, "attempts": changed.attempts}
    view["error"] = None if changed.code is None else {"code": changed.code, "detail": changed.detail or ""}
    return view | {"removed": True} if changed.removed else view


def state(row: Row, outcome: Outcome) -> View:
    """A job's present state as the same event's data."""
    view: View = {"id": row.id, "state": row.state, "change": row.change, "attempts": row.attempts}
    return view | {"error": _error(outcome)}


def _error(outcome: Outcome) -> View | None:
    return None if outcome.error is None else {"code": outcome.error.code, "detail": outcome.error.detail}


def stats(beat: Beat, now: float, sees: str | None, wait_seconds: float | None) -> View:
    """The content of /stats for a caller who `sees` one tenant's jobs, or everyone's (None); `now` is wall time.
    `wait_seconds`: the expected wait of a small job of theirs that comes now."""
    share = beat if sees is None else beat.tenants.get(sees, _NO_SHARE)
    counts = {state.value: share.counts.get(state, 0) for state in State}
    oldest = None if share.oldest_at is None else max(0.0, round(now - share.oldest_at, 3))
    return {
        "queue": {
            "depth": counts[State.QUEUED],
            "oldest_seconds": oldest,
            "wait_seconds": None if wait_seconds is None else round(wait_seconds, 2),
            "paused": beat.paused or sees in beat.paused_tenants,
            "paused_tenants": [name for name in beat.paused_tenants if sees in (None, name)],
        },
        "jobs": counts,
        "workers": [_worker(worker, now, sees) for worker in beat.workers],
        "workers_wanted": beat.workers_wanted,
        "sweeps": None if sees is not None or beat.sweeps is None else _sweeps(beat.sweeps),
        "deliveries": None if sees is not None or beat.deliveries is None else _deliveries(beat.deliveries),
        "rates": {"accepted_per_minute": share.accepted_per_minute, "ended_per_minute": share.ended_per_minute},
    }


def _sweeps(sweeps: SweepsView) -> View:
    return {
        "waiting": sweeps.waiting,
        "failing": sweeps.failing,
        "why": sweeps.why or None,
        "walk": sweeps.scan or None,
    }


def _deliveries(view: DeliveriesView) -> View:
    return {"waiting": view.waiting, "failed": view.failed, "failing": view.failing, "paused": view.paused}


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


def _worker(worker: WorkerView, now: float, sees: str | None) -> View:
    jobs = [
        {"id": held.id, "seconds": None if held.started_at is None else max(0.0, round(now - held.started_at, 3))}
        for held in worker.jobs
        if sees in (None, held.tenant)
    ]
    fields = {"name": worker.name, "incarnation": worker.incarnation, "kind": worker.kind, "state": worker.state}
    return fields | {
        "capacity": worker.capacity,
        "jobs": jobs,
        "since": at(worker.since),
        "cache": worker.cache or None,
    }
