"""The answer to an upload whose jobs are promised: 202, or the ended jobs if the client waits for them.

Owns the receipts in the answer, and how long a page with a grant can follow its job. The signature of a receipt is
jobs/access/receipts.py's, its audit is web/handlers/receipts.py's.
"""

import asyncio
import re
import time
from contextlib import suppress
from functools import partial

from starlette.responses import Response

from jobs.access.grants import ViewGrant
from jobs.access.receipts import Receipt, sign
from jobs.errors import StoreFault
from jobs.job import ENDED, Row, decode_spec
from web.access.batches import find_batch
from web.access.call import Call, grant_query, read_job
from web.access.parts import Web
from web.access.shares import one_wait
from web.access.timing import WAIT, Timing
from web.http.counts import TooMany
from web.http.headers import joined
from web.http.json import as_json
from web.views import answers
from web.views.shapes import PromiseOfOne

_WAIT = re.compile(r"(?:^|[,;\s])wait\s*=\s*\"?(\d{1,6}(?:\.\d{1,6})?)", re.IGNORECASE)
_SHOWN_SECONDS = 3600
"""A page can follow its upload under a grant for at least this long. Jobs seldom wait longer."""


async def answer(
    call: Call, rows: list[Row], ignored: list[str], timing: Timing, joined_batch: str | None = None
) -> Response:
    """202; or, with Prefer: wait=, 200 and the whole job or batch if it ends in time. `timing` of the accept, which the
    answer tells. `joined_batch`: the open batch that the request names."""
    headers = {}
    if wanted := _WAIT.search(joined(call.request.headers, "prefer")):
        with suppress(TooMany), one_wait(call):  # a preference need not be honoured
            headers["Preference-Applied"] = f"wait={wanted[1]}"
            rows = await _until_ended(call.web, rows, min(float(wanted[1]), call.web.settings.wait_seconds_max))
            timing.ended(WAIT)
    by_grant, receipts = partial(shown_by_grant, call), [_signed(call.web, row) for row in rows]
    if wanted and all(row.state in ENDED for row in rows):
        with suppress(StoreFault):  # what cannot be counted is promised all the same
            found = await find_batch(call, joined_batch) if joined_batch and len(rows) > 1 else None
            places = call.web.feed.forecast.places()
            view = answers.ended(rows, found, call.base, ignored, receipts, places, by_grant, time.time())
            return timing.tell(as_json(view, 200, headers))
    promise = answers.upload(rows, call.base, ignored, receipts, by_grant)
    headers["Location"] = promise.status_url if isinstance(promise, PromiseOfOne) else promise.batch.status_url
    return timing.tell(as_json(promise, 202, headers))


async def _until_ended(web: Web, rows: list[Row], seconds: float) -> list[Row]:
    """The rows once all jobs have ended, or as they are after `seconds`. If the ledger cannot be read: `rows`, which
    are promised in any case."""
    loop, read = asyncio.get_running_loop(), partial(read_job, web)
    until = loop.time() + seconds
    try:
        now = [await web.feed.until_ended(row.id, read, until - loop.time()) for row in rows]
    except StoreFault:
        return rows
    return [newer or row for newer, row in zip(now, rows, strict=True)]


def _signed(web: Web, row: Row) -> str:
    """The receipt of a promised job. It is always the same, so a repeated upload gets an equal answer."""
    digest = decode_spec(row.spec).original.digest
    return sign(web.receipt_secrets[0], Receipt(row.id, digest, row.seq, row.accepted_at), row.tenant)


def shown_by_grant(call: Call, row: Row) -> str:
    """The suffix of the job's URLs. If it was uploaded under a grant: a view grant for this job, with which the page
    can follow it. Else ""."""
    grant = call.caller.grant
    if grant is None:
        return ""
    until = max(grant.expires_at, int(time.time()) + _SHOWN_SECONDS)
    return grant_query(call.web, ViewGrant(row.tenant, row.id, until))
