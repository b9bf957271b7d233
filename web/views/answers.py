"""Jobs and batches as the API shows them. Pure: rows in, structs out (web/views/shapes.py).

Knows no request: every address starts with the `base` that is passed in.
"""

from collections import Counter
from collections.abc import Callable, Sequence
from typing import NamedTuple

import msgspec

from host.egress.sources import shown
from jobs import job as jobs
from jobs.images import facts
from jobs.images.turns import ORIENTATIONS
from jobs.job import ENDED, PRIORITIES, Outcome, Row, Spec, decode_outcome, decode_spec, original_of
from jobs.recipes.recipe import whole
from jobs.records import BatchEntry
from jobs.trace import id_of
from web.broker.waiting import Place, Places
from web.views.fields import at, moment
from web.views.shapes import (
    Batch,
    BatchLink,
    Box,
    Cost,
    Info,
    Job,
    JobError,
    Location,
    Original,
    Placeholder,
    Promise,
    PromisedJob,
    PromiseOfOne,
    Rendition,
    TimelineEntry,
)
from web.views.variants import source_sets

ByGrant = Callable[[Row], str]
"""Suffix for a job's URLs: `?grant=...` if the caller used a grant, else "". An original's URL has none: a grant shows
renditions only."""
_UNKNOWN = jobs.Original("", "", 0, 0, 0, "")
"""Of a job whose original is still to be fetched."""


def job(row: Row, base: str, place: Place, by_grant: str = "") -> Job:
    """A job. Its addresses end with `by_grant`."""
    spec, outcome = decode_spec(row.spec), decode_outcome(row.outcome)
    made = _job(row, spec, outcome, base, place, by_grant)
    timeline = [TimelineEntry(moment(each.at), *each[1:]) for each in outcome.timeline]
    sources = source_sets(outcome.renditions, f"{base}/jobs/{row.id}", by_grant)
    return msgspec.structs.replace(made, recipe=_recipe(spec.recipe), timeline=timeline, srcset=sources)


def _recipe(text: str) -> msgspec.Raw:
    """The recipe with all its defaults; one that this release cannot read as it was written."""
    known = whole(text)
    return msgspec.Raw(text.encode() if known is None else msgspec.json.encode(known))


def listed(row: Row, base: str, place: Place, by_grant: str = "") -> Job:
    """A job of a list or a batch: without recipe, timeline and srcset, which are larger than all others together."""
    return _job(row, decode_spec(row.spec), decode_outcome(row.outcome), base, place, by_grant)


def _job(row: Row, spec: Spec, outcome: Outcome, base: str, place: Place, by_grant: str) -> Job:
    here, found = f"{base}/jobs/{row.id}", facts.decode(outcome.facts)
    return Job(
        id=row.id,
        state=row.state,
        filename=spec.filename,
        reference=spec.reference,
        metadata=None if spec.metadata is None else msgspec.Raw(spec.metadata.encode()),
        preset=spec.preset,
        priority=PRIORITIES[row.priority],
        attempts=row.attempts,
        cached=outcome.cached,
        error=error_of(outcome),
        original=_original(
            original_of(spec, outcome) or _UNKNOWN, found, outcome.renditions, here, private=not by_grant
        ),
        source_url=None if spec.source is None else shown(spec.source),
        renditions=[rendition(each, here, by_grant) for each in outcome.renditions],
        dominant_colour=colour_of(found, outcome.renditions),
        placeholder=placeholder(found),
        cost=Cost(outcome.cost.cpu_ms, outcome.cost.peak_bytes) if outcome.cost else None,
        queue_position=place.queue_position,
        eta_seconds=place.eta_seconds,
        batch=batch_of(row),
        accepted_at=moment(row.accepted_at),
        ended_at=at(row.ended_at),
        expires_at=at(outcome.expires_at),
        change=row.change,
        trace=spec.trace and id_of(spec.trace),
        status_url=here + by_grant,
        events_url=f"{here}/events{by_grant}",
    )


def batch_of(row: Row) -> str:
    """The batch's id; a POST of one file is a batch by the job's own id."""
    return row.batch or row.id


def colour_of(found: facts.Facts | None, renditions: Sequence[jobs.Rendition] = ()) -> str | None:
    """The dominant colour of the original, by the facts or any of its renditions."""
    if found is not None:
        return found.dominant_colour
    return renditions[0].dominant_colour if renditions else None


def placeholder(found: facts.Facts | None) -> Placeholder | None:
    """The placeholders among the facts."""
    made = found.placeholder if found else None
    return Placeholder(made.thumbhash, made.blurhash, made.lqip) if made else None


def info(found: facts.Facts | None, *, private: bool) -> Info | None:
    """The facts of `info`. Unless they are for a `private` view, nobody's place and name is among them."""
    told = found.info if found else None
    if told is None:
        return None
    if not private:
        told = msgspec.structs.replace(told, location=None, serial=None, owner=None)
    place = told.location
    location = Location(place.latitude, place.longitude, place.altitude) if place else None
    return Info(**{name: getattr(told, name) for name in Info.__struct_fields__} | {"location": location})


def _original(
    original: jobs.Original, found: facts.Facts | None, renditions: list[jobs.Rendition], here: str, *, private: bool
) -> Original:
    """The original with its sides as stored: those of its head, else those that the decoder found. Its upright sides
    are those of a viewer that follows its orientation."""
    sides = found.sides if found else renditions[0].original if renditions else None
    across, down = sides or (None, None)
    stored = (original.width or across, original.height or down)
    turned = ORIENTATIONS[original.orientation].swap
    upright = (stored[::-1] if turned else stored) if original.orientation else (None, None)
    return Original(
        format=original.format,
        width=stored[0],
        height=stored[1],
        upright_width=upright[0],
        upright_height=upright[1],
        bytes=original.bytes,
        digest=original.digest,
        url=f"{here}/original",
        info=info(found, private=private),
    )


def rendition(published: jobs.Rendition, here: str, by_grant: str = "") -> Rendition:
    """A rendition of the job at address `here`."""
    return Rendition(
        name=published.name,
        width=published.width,
        height=published.height,
        format=published.format,
        bytes=published.bytes,
        digest=published.digest,
        quality=published.quality,
        box=Box(*published.box) if published.box else None,
        unmet=published.unmet,
        url=f"{here}/renditions/{published.name}{by_grant}",
    )


def error_of(outcome: Outcome) -> JobError | None:
    """The last fault."""
    return None if outcome.error is None else JobError(outcome.error.code, outcome.error.detail)


def upload(
    rows: list[Row], base: str, ignored: list[str], receipts: list[str], by_grant: ByGrant
) -> Promise | PromiseOfOne:
    """The answer to an upload, with a receipt for each job; with one file that job's fields are at the top as well."""
    jobs = [_promised(row, base, receipt, by_grant(row)) for row, receipt in zip(rows, receipts, strict=True)]
    name = batch_of(rows[0])
    link = BatchLink(name, f"{base}/batches/{name}", _batch_events(rows, base, by_grant))
    if len(jobs) > 1:
        return Promise(jobs, link, ignored)
    return PromiseOfOne(**msgspec.structs.asdict(jobs[0]), jobs=jobs, batch=link, ignored=ignored)


def _promised(row: Row, base: str, receipt: str, by_grant: str) -> PromisedJob:
    here = f"{base}/jobs/{row.id}"
    return PromisedJob(
        id=row.id,
        state=row.state,
        filename=decode_spec(row.spec).filename,
        status_url=here + by_grant,
        events_url=f"{here}/events{by_grant}",
        url=f"{here}/original",
        receipt=receipt,
    )


def ended(
    rows: list[Row],
    joined: "FoundBatch | None",
    base: str,
    ignored: list[str],
    receipts: list[str],
    places: Places,
    by_grant: ByGrant,
    now: float,
) -> Job | Batch:
    """The answer to an upload that waited for its end: the whole job or batch, with what `upload` tells beside it.
    `joined`: the open batch that the jobs joined. It is told in numbers, because others may be in it, too."""
    replace = msgspec.structs.replace
    if len(rows) == 1:
        view = job(rows[0], base, places(rows[0]), by_grant(rows[0]))
        return replace(view, receipt=receipts[0], ignored=ignored)
    found = joined or FoundBatch(batch_of(rows[0]), None, Counter(row.state for row in rows))
    jobs = [
        replace(listed(row, base, places(row), by_grant(row)), receipt=receipt)
        for row, receipt in zip(rows, receipts, strict=True)
    ]
    events = _batch_events(rows, base, by_grant)
    return replace(batch(found, base, now), events_url=events, jobs=jobs, ignored=ignored)


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


def batch(found: FoundBatch, base: str, now: float) -> Batch:
    """A batch at wall time `now`, without its jobs."""
    return Batch(
        id=found.id,
        open=found.is_open(now),
        total=found.total,
        ended=sum(found.counts[state] for state in ENDED),
        counts=found.counts,
        events_url=f"{base}/batches/{found.id}/events" if found.total else None,
    )


def batch_with_jobs(found: FoundBatch, rows: list[Row], base: str, places: Places, now: float) -> Batch:
    """A batch at wall time `now` with its jobs, which were read after it."""
    counted = found._replace(counts=Counter(row.state for row in rows))
    return msgspec.structs.replace(batch(counted, base, now), jobs=[listed(row, base, places(row)) for row in rows])


def _batch_events(rows: list[Row], base: str, by_grant: ByGrant) -> str:
    """The address of one stream of all these jobs. A caller with an upload grant gets a grant for each of them."""
    if by_grant(rows[0]):
        return f"{base}/events?{'&'.join(by_grant(row).removeprefix('?') for row in rows)}"
    return f"{base}/batches/{batch_of(rows[0])}/events"
