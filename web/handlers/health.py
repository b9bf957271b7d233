"""Health: whether this process answers, and whether uploads are accepted and worked on."""

from starlette.responses import Response

from jobs import ids
from jobs.errors import StoreFault
from web.access.call import Call
from web.broker.reads import patient
from web.http.json import as_json
from web.views import answers

NO_JOB = "0" * ids.ID_CHARACTERS
"""A valid id that no job has. Looking it up shows that the ledger can be read."""


async def live(_call: Call) -> Response:
    """GET /health/live."""
    return as_json({"status": "live"})


async def ready(call: Call) -> Response:
    """GET /health/ready: 200, or 503 with the reasons. With warnings only it is 200: uploads are accepted and kept."""
    web, reasons, beat = call.web, [], call.web.feed.latest_beat
    if web.draining:
        reasons.append("draining")
    if web.feed.silent_seconds() > web.settings.accept_seconds:
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
        "warnings": answers.warnings(beat) if beat else [],
        "workers": answers.able_workers(beat) if beat else None,
    }
    return as_json(view, 503 if reasons else 200)
