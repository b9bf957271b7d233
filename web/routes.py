"""The table of routes, and those that read: jobs, lists, batches, presets, statistics, health.

Uploads are web/uploads.py's, changes web/commands.py's, bytes web/files.py's, the page web/page.py's,
audits web/receipts.py's, grants web/grants.py's, sessions web/session.py's, streams of events web/follow.py's.
"""

import base64
import time

from starlette.responses import Response

from jobs import ids
from jobs.errors import StoreFault
from jobs.grants import UploadGrant, ViewGrant
from jobs.job import ENDED
from jobs.keys import Scope
from jobs.limits import LIST_BYTES_MAX, LIST_DEFAULT, LIST_MAX, LIST_WALK_MAX
from jobs.recipe import as_dict
from web import commands, files, follow, grants, receipts, session, uploads, views
from web.asked import FIELDS
from web.call import Call, as_json, bad_parameter, batch_rows, encode, in_list_thread, route, seconds
from web.explain import explain_recipe
from web.reads import patient
from web.shares import one_wait
from web.submit import Unanswered
from web.waiting import again_seconds

NO_JOB = "0" * ids.ID_CHARACTERS
"""Shaped as an id, and never minted: reading it shows that the ledger can be read."""
FIRST_BEAT_SECONDS = 2.0
"""There is one a second; its subscription, too, takes a moment."""


async def get_job(call: Call) -> Response:
    """GET /jobs/{job}: now, or once it has ended."""
    row = await call.job()
    if wait := seconds(call.query, "wait", call.web.settings.wait_seconds_max):
        with one_wait(call):
            newer = await call.web.results.until_ended(row.id, call.web.reader.job, wait)
        row = newer or await call.job()
    view = call.shown(row)
    headers = {} if row.state in ENDED else {"Retry-After": str(again_seconds(view["eta_seconds"]))}
    return as_json(view, 200, headers | {"Cache-Control": "no-store"})


async def get_jobs(call: Call) -> Response:
    """GET /jobs: a page of them, newest accepted first."""
    where, limit, before = call.where(), _limit(call), _before(call)
    places = call.web.results.waits.places()

    def page() -> bytes:
        rows, following = call.web.lists.page(where, before, limit, LIST_WALK_MAX)
        parts, size = list[bytes](), 0
        for row in rows:
            part = encode(views.job(row, call.base, places(row), timeline=False))
            size += len(part)
            if parts and size > LIST_BYTES_MAX:
                following = rows[len(parts) - 1].seq
                break
            parts.append(part)
        cursor = encode(None if following is None else _cursor(following))
        return b'{"jobs":[' + b",".join(parts) + b'],"next":' + cursor + b"}"

    return Response(await in_list_thread(call.web, page), 200, {"Cache-Control": "no-store"}, "application/json")


async def get_batch(call: Call) -> Response:
    """GET /batches/{batch}: the jobs of one POST; a single job is a batch by its own id."""
    rows = await batch_rows(call)
    view = views.batch(rows, call.base, call.web.results.waits.places(), lambda _row: "")
    return as_json(view, 200, {"Cache-Control": "no-store"})


async def get_presets(call: Call) -> Response:
    """GET /presets."""
    return as_json({"presets": {name: as_dict(recipe) for name, recipe in call.web.recipes.presets.items()}})


async def get_stats(call: Call) -> Response:
    """GET /stats: what the broker said last; a process that has just begun waits for its first beat."""
    beat = await call.web.results.first_beat(min(FIRST_BEAT_SECONDS, call.web.settings.accept_seconds))
    if beat is None or call.web.results.silent_seconds() > call.web.settings.accept_seconds:
        raise Unanswered("the broker is unheard")
    sees = call.caller.sees
    stats = views.stats(beat, time.time(), sees, call.web.results.waits.seconds(sees))
    return as_json(stats, 200, {"Cache-Control": "no-store"})


async def live(_call: Call) -> Response:
    """GET /health/live."""
    return as_json({"status": "live"})


async def ready(call: Call) -> Response:
    """GET /health/ready: 503 and why not. A warning is no reason: uploads are taken, and kept."""
    web, reasons, beat = call.web, [], call.web.results.latest_beat
    if web.draining:
        reasons.append("draining")
    if web.results.silent_seconds() > web.settings.accept_seconds:
        reasons.append("broker unheard")
        beat = None
    try:
        await patient(lambda: web.reader.job(NO_JOB))
    except StoreFault:
        reasons.append("ledger unreadable")
    try:
        if web.blobs.free_bytes() < web.settings.disk_free_bytes_min:
            reasons.append("disk nearly full")
    except StoreFault as fault:
        reasons.append(fault.detail)
    view = {
        "status": "unready" if reasons else "ready",
        "reasons": reasons,
        "warnings": views.warnings(beat) if beat else [],
        "workers": views.able_workers(beat) if beat else None,
    }
    return as_json(view, 503 if reasons else 200)


def _limit(call: Call) -> int:
    value = call.query.get("limit", str(LIST_DEFAULT))
    if not value.isdecimal() or len(value) > 9 or not 1 <= int(value) <= LIST_MAX:
        raise bad_parameter("limit", f"limit is 1 to {LIST_MAX}, not {value!r}")
    return int(value)


def _cursor(seq: int) -> str:
    return base64.urlsafe_b64encode(str(seq).encode()).decode().rstrip("=")


def _before(call: Call) -> int | None:
    value = call.query.get("after")
    if value is None:
        return None
    try:
        seq = int(base64.urlsafe_b64decode(value + "=" * (-len(value) % 4)))
        if _cursor(seq) == value and 0 <= seq < 2**63:
            return seq
    except ValueError:
        pass
    raise bad_parameter("after", "after is the `next` of an earlier page")


READ, WRITE, OPERATE = Scope.READ, Scope.WRITE, Scope.OPERATE

ROUTES = [
    route("POST", "/upload", WRITE, uploads.upload, *sorted(FIELDS), uploads.FILENAME, by=UploadGrant),
    route("POST", "/jobs", WRITE, commands.reprocess),
    route("GET", "/jobs", READ, get_jobs, "state", "code", "reference", "preset", "limit", "after"),
    route("DELETE", "/jobs", WRITE, commands.delete_jobs, "state", "code", "reference", "purge", "dry_run", "all"),
    route("POST", "/jobs/requeue", WRITE, commands.requeue_jobs, "state", "code", "reference", "dry_run", "all"),
    route("GET", "/jobs/{job}", READ, get_job, "wait", by=ViewGrant),
    route("DELETE", "/jobs/{job}", WRITE, commands.delete_job, "purge"),
    route("POST", "/jobs/{job}/requeue", WRITE, commands.requeue_job),
    route("GET", "/jobs/{job}/events", READ, follow.job_events, by=ViewGrant),
    route("GET", "/jobs/{job}/original", READ, files.original),
    route("GET", "/jobs/{job}/renditions/{name}", READ, files.rendition, by=ViewGrant),
    route("GET", "/batches/{batch}", READ, get_batch),
    route("GET", "/batches/{batch}/events", READ, follow.batch_events),
    route("GET", "/events", READ, follow.events, "job", by=ViewGrant, many=follow.REPEATED),
    route("GET", "/presets", READ, get_presets),
    route("POST", "/recipes/explain", READ, explain_recipe, "preset", "recipe"),
    route("GET", "/stats", READ, get_stats),
    route("POST", "/queue/pause", OPERATE, commands.pause),
    route("POST", "/queue/resume", OPERATE, commands.resume),
    route("POST", "/workers/{incarnation}/drain", OPERATE, commands.drain_worker),
    route("POST", "/grants", WRITE, grants.make),
    route("POST", "/receipts/audit", READ, receipts.audit),
    route("GET", "/session", READ, session.get_session),
    route("POST", "/session", None, session.open_by_key),
    route("DELETE", "/session", None, session.close),
    route("GET", "/health/live", None, live),
    route("GET", "/health/ready", None, ready),
]
