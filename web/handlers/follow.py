"""The routes of event streams: for all jobs, one job, a batch, or several jobs by id or by grant.

Decides which jobs a caller may follow. web/streams/streams.py decides what a reader gets, web/streams/hub.py sends it.
"""

import math
import time
from collections.abc import Sequence

from starlette.responses import Response
from starlette.types import ASGIApp

from jobs import ids
from jobs.access.grants import ViewGrant
from jobs.errors import ClientFault, LimitExceeded
from jobs.job import ENDED, Row
from jobs.limits import SESSION_STREAM_SECONDS, STREAM_JOBS_MAX
from jobs.requests.texts import bad_parameter
from web.access.batches import batch_of_call, rows_of
from web.access.call import Call, grant_query
from web.access.caller import IN_QUERY, admit_each
from web.access.shares import one_stream
from web.streams.hub import EventResponse
from web.streams.streams import JobsStream, Stream
from web.views.events import UNKNOWN, event, number_of, replay, seen_by
from web.views.numbers import stats

REPEATED = ("job", IN_QUERY)
"""The parameters of GET /events that may be given many times."""


async def events(call: Call) -> ASGIApp:
    """GET /events: every change, and a beat each second. With `job` or `grant` parameters: these jobs, until all have
    ended."""
    jobs = call.request.query_params.getlist("job")
    if isinstance(call.caller.grant, ViewGrant):
        return await _by_grants(call, jobs)
    if not jobs:
        return _of_all(call)
    _bound(jobs)
    wanted = list({job for job in jobs if ids.is_id(job)})
    rows = await call.web.reads.quick.do(lambda ledger: ledger.jobs(wanted))
    seen = [row for row in rows if call.caller.may_see(row.tenant, row.id)]
    return _of_jobs(call, seen, dict.fromkeys(jobs, ""), call.caller.until)


async def job_events(call: Call) -> ASGIApp:
    """GET /jobs/{job}/events: its present state, then its changes until its end."""
    row = await call.job()
    return _of_jobs(call, [row], {row.id: call.by_grant}, call.caller.until)


async def batch_events(call: Call) -> ASGIApp:
    """GET /batches/{batch}/events: the same for all jobs of one POST, until all have ended."""
    rows = await rows_of(call, await batch_of_call(call))
    if not rows:
        raise ClientFault(f"the batch {call.parameter('batch')} has no job yet", code="not_found")
    return _of_jobs(call, rows, {row.id: "" for row in rows}, call.caller.until)


async def _by_grants(call: Call, jobs: Sequence[str]) -> ASGIApp:
    """Each grant shows its own job."""
    if jobs:
        raise bad_parameter("job", "a grant names its job: leave `job` out")
    texts = call.request.query_params.getlist(IN_QUERY)
    _bound(texts)
    callers = admit_each(call.web, call.request, texts) or [call.caller]
    grants = [caller.grant for caller in callers if isinstance(caller.grant, ViewGrant)]
    tenants = {grant.job: grant.tenant for grant in grants}
    rows = await call.web.reads.quick.do(lambda ledger: ledger.jobs(list(tenants)))
    seen = [row for row in rows if row.tenant == tenants[row.id]]
    by_grant = {grant.job: grant_query(call.web, grant) for grant in grants}
    return _of_jobs(call, seen, by_grant, min(caller.until for caller in callers))


def _bound(asked: Sequence[str]) -> None:
    if len(asked) > STREAM_JOBS_MAX:
        raise LimitExceeded("bad_parameter", "stream_jobs_max", STREAM_JOBS_MAX, len(asked))


def _of_jobs(call: Call, rows: Sequence[Row], jobs: dict[str, str], until: float) -> ASGIApp:
    """The stream of `jobs`. `rows`: those that exist and that the caller may see; the others are reported as
    removed."""
    if not rows:
        first, *others = jobs
        beside = f", and none of the {len(others)} others" if others else ""
        raise ClientFault(f"there is no job {first}{beside}", code="not_found")
    last = _last_event(call)
    if last is not None and all(row.state in ENDED and row.change <= last for row in rows):
        return Response(status_code=204)  # an EventSource does not reconnect after this
    seen = {row.id for row in rows}

    async def read(wanted: list[str]) -> list[Row]:
        asked = [job for job in wanted if job in seen]
        return await call.web.reads.quick.do(lambda ledger: ledger.jobs(asked))

    stream = JobsStream(call.base, jobs)
    if last == UNKNOWN:
        stream.reset(call.web.feed.life)
    call.web.feed.poll_now()

    async def present() -> None:
        await stream.present(read, call.web.feed.life)

    return EventResponse(call.web.hub, one_stream(call), stream, present, _stream_seconds(until))


def _of_all(call: Call) -> ASGIApp:
    last, sees, feed = _last_event(call), call.caller.sees, call.web.feed
    stream = Stream(call.base, sees)

    async def present() -> None:
        if feed.latest_beat:
            beat = stats(feed.latest_beat, time.time(), sees, feed.forecast.seconds(sees))
            stream.put(event("beat", beat))
        if last is not None:
            missed = feed.since(last)
            told = None if missed is None else replay(seen_by(sees, missed), call.base, feed.life)
            stream.put(event("reset", {}, max(feed.last, 0), feed.life) if told is None else told)

    feed.poll_now()
    return EventResponse(call.web.hub, one_stream(call), stream, present, _stream_seconds(call.caller.until))


def _stream_seconds(until: float) -> float:
    """How long a stream may last: until `until`, when the caller's session or grant ends. A key ends only with this
    process."""
    left = until - time.time()
    return left if left == math.inf else min(left, SESSION_STREAM_SECONDS)


def _last_event(call: Call) -> int | None:
    """The number of Last-Event-ID. UNKNOWN, if it is no id of the ledger's life."""
    value = call.request.headers.get("last-event-id")
    return None if value is None else number_of(value, call.web.feed.life)
