"""Routes that read: jobs, lists, batches, presets, statistics.

Knows no SQL: a page is read by stores/ledger.
"""

import base64
import time

from starlette.responses import Response

from jobs.job import ENDED
from jobs.limits import LIST_BYTES_MAX, LIST_DEFAULT, LIST_MAX, LIST_SCAN_MAX
from jobs.recipes.recipe import as_dict
from web.access.call import Call, batch_rows, seconds
from web.access.shares import one_wait
from web.broker.requests import NotPromised
from web.broker.waiting import again_seconds
from web.http.json import as_json, bad_parameter, encode
from web.views import answers

FIRST_BEAT_SECONDS = 2.0
"""How long to wait for the first beat. There is one each second, and the subscription takes a moment, too."""


async def get_job(call: Call) -> Response:
    """GET /jobs/{job}: the job as it is now; with `wait`, when it has ended."""
    row = await call.job()
    if wait := seconds(call.query, "wait", call.web.settings.wait_seconds_max):
        with one_wait(call):
            newer = await call.web.feed.until_ended(row.id, call.web.reader.job, wait)
        row = newer or await call.job()
    view = call.shown(row)
    headers = {} if row.state in ENDED else {"Retry-After": str(again_seconds(view["eta_seconds"]))}
    return as_json(view, 200, headers | {"Cache-Control": "no-store"})


async def get_jobs(call: Call) -> Response:
    """GET /jobs: a page of them, newest accepted first."""
    where, limit, before = call.where(), _limit(call), _before(call)
    places = call.web.feed.forecast.places()

    def page() -> bytes:
        rows, following = call.web.lists.page(where, before, limit, LIST_SCAN_MAX)
        parts, size = list[bytes](), 0
        for row in rows:
            part = encode(answers.job(row, call.base, places(row), timeline=False))
            size += len(part)
            if parts and size > LIST_BYTES_MAX:
                following = rows[len(parts) - 1].seq
                break
            parts.append(part)
        cursor = encode(None if following is None else _cursor(following))
        return b'{"jobs":[' + b",".join(parts) + b'],"next":' + cursor + b"}"

    return Response(await call.web.list_thread.do(page), 200, {"Cache-Control": "no-store"}, "application/json")


async def get_batch(call: Call) -> Response:
    """GET /batches/{batch}: the jobs of one POST; a single job is a batch by its own id."""
    rows = await batch_rows(call)
    view = answers.batch(rows, call.base, call.web.feed.forecast.places(), lambda _row: "")
    return as_json(view, 200, {"Cache-Control": "no-store"})


async def get_presets(call: Call) -> Response:
    """GET /presets."""
    return as_json({"presets": {name: as_dict(recipe) for name, recipe in call.web.recipes.presets.items()}})


async def get_stats(call: Call) -> Response:
    """GET /stats: the broker's latest beat. A web process that has just started waits for its first one."""
    beat = await call.web.feed.first_beat(min(FIRST_BEAT_SECONDS, call.web.settings.accept_seconds))
    if beat is None or call.web.feed.silent_seconds() > call.web.settings.accept_seconds:
        raise NotPromised("the broker is unheard")
    sees = call.caller.sees
    stats = answers.stats(beat, time.time(), sees, call.web.feed.forecast.seconds(sees))
    return as_json(stats, 200, {"Cache-Control": "no-store"})


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
