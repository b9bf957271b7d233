"""Routes that read: jobs, lists, batches, presets, statistics.

Knows no SQL: a page is read by stores/ledger.
"""

import asyncio
import time
from functools import partial

import msgspec
from starlette.responses import Response
from starlette.types import ASGIApp

from jobs import ids
from jobs.errors import ClientFault
from jobs.job import ENDED, Row, decode_outcome
from jobs.limits import EXPORT_MAX, FILES_PER_POST_MAX, LIST_MAX, LIST_SCAN_MAX
from jobs.requests.texts import bad_parameter
from stores.ledger import LedgerReader
from web.access.batches import batch_of_call, rows_of
from web.access.call import Call, find_job, flag, read_job, seconds
from web.access.paging import before_of, cursor, limit_of
from web.access.shares import one_wait
from web.broker.requests import NotPromised
from web.broker.waiting import again_seconds
from web.handlers import export
from web.http.headers import accepted, joined
from web.http.json import as_json, encode
from web.views import answers, told
from web.views.hours import history, oldest_at
from web.views.numbers import stats
from web.views.replies import KnownPresets

HOURS_MAX = 24
"""Of /stats/history: as much as the ledger keeps."""
FIRST_BEAT_SECONDS = 2.0
"""How long to wait for the first beat. There is one each second, and the subscription takes a moment, too."""


async def get_job(call: Call) -> Response:
    """GET /jobs/{job}: the job as it is now; with `wait`, when it has ended."""
    row = await call.job()
    if wait := seconds(call.query, "wait", call.web.settings.wait_seconds_max):
        with one_wait(call):
            newer = await call.web.feed.until_ended(row.id, partial(read_job, call.web), wait)
        row = newer or await call.job()
    view = msgspec.structs.replace(call.shown(row), deliveries=await _told(call, row))
    headers = {} if row.state in ENDED else {"Retry-After": str(again_seconds(view.eta_seconds))}
    return as_json(view, 200, headers | {"Cache-Control": "no-store"})


async def _told(call: Call, row: Row) -> list[told.Delivery]:
    """What receivers were told of the job. A grant to view shows none of it."""
    if call.by_grant or decode_outcome(row.outcome).hooks is None:
        return []
    rows = await call.web.reads.quick.do(lambda ledger: ledger.deliveries_of(row.id))
    return [told.delivery(each) for each in rows]


async def get_jobs(call: Call) -> ASGIApp:
    """GET /jobs: a page of them, newest accepted first; or all that match, one a line, if the client accepts that."""
    where, before = call.where(), await _before(call)
    if export.MEDIA_TYPE in accepted(joined(call.request.headers, "accept")):
        return export.Export(call, where, before, limit_of(call, EXPORT_MAX) if "limit" in call.query else None)
    limit = limit_of(call, LIST_MAX)
    places = call.web.feed.forecast.places()

    def page(ledger: LedgerReader) -> bytes:
        rows, found = ledger.page(where, before, limit, LIST_SCAN_MAX)
        parts, following = export.fitting(rows, found, call.base, places)
        after = encode(None if following is None else cursor(following))
        return b'{"jobs":[' + b",".join(parts) + b'],"next":' + after + b"}"

    return Response(await call.web.reads.lists.do(page), 200, {"Cache-Control": "no-store"}, "application/json")


async def get_batch(call: Call) -> Response:
    """GET /batches/{batch}: a batch with its jobs; a single job is a batch by its own id. `jobs=0` leaves them out."""
    told = flag({"jobs": "1"} | call.query, "jobs")
    found = await batch_of_call(call)
    if told:
        return await shown_with_jobs(call, found, 200)
    return as_json(answers.batch(found, call.base, time.time()), 200, {"Cache-Control": "no-store"})


async def shown_with_jobs(call: Call, found: answers.FoundBatch, status: int) -> Response:
    """The answer that shows a batch with its jobs. That of a large one is made in a thread."""
    rows, places = await rows_of(call, found), call.web.feed.forecast.places()

    def shown() -> Response:
        view = answers.batch_with_jobs(found, rows, call.base, places, time.time())
        return as_json(view, status, {"Cache-Control": "no-store"})

    return shown() if len(rows) <= FILES_PER_POST_MAX else await asyncio.to_thread(shown)


async def get_presets(call: Call) -> Response:
    """GET /presets."""
    return as_json(KnownPresets(call.web.recipes.presets))


async def get_stats(call: Call) -> Response:
    """GET /stats: the broker's latest beat. A web process that has just started waits for its first one."""
    beat = await call.web.feed.first_beat(min(FIRST_BEAT_SECONDS, call.web.settings.accept_seconds))
    if beat is None or call.web.feed.silent_seconds() > call.web.settings.accept_seconds:
        raise NotPromised("the broker is unheard")
    sees = call.caller.sees
    view = stats(beat, time.time(), sees, call.web.feed.forecast.seconds(sees))
    return as_json(view, 200, {"Cache-Control": "no-store"})


async def get_history(call: Call) -> Response:
    """GET /stats/history: the last `hours` in intervals, for operators, because they name jobs of all tenants."""
    value = call.query.get("hours", str(HOURS_MAX))
    if not (value.isascii() and value.isdecimal()) or len(value) > 2 or not 1 <= int(value) <= HOURS_MAX:
        raise bad_parameter("hours", f"hours is 1 to {HOURS_MAX}, not {value!r}")
    now = time.time()
    after = oldest_at(now, int(value))

    def shown(ledger: LedgerReader) -> Response:
        return as_json(history(ledger.intervals(after), now), 200, {"Cache-Control": "no-store"})

    return await call.web.reads.lists.do(shown)


async def _before(call: Call) -> int | None:
    """The place before which the list begins."""
    value = call.query.get("after")
    if value is None or not ids.is_id(value):
        return before_of(call)
    if row := await find_job(call.web, call.caller, value):
        return row.seq
    raise ClientFault(f"there is no job {value}", code="not_found")
