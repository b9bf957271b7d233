"""POST /jobs with `source_url`: a job whose original a courier fetches from its address.

Judges only what is plain from the text. The gate (host/egress) judges the rest, when the courier calls.
"""

import hashlib
from typing import Any
from urllib.parse import unquote

from starlette.responses import Response

from host.egress.addresses import parse_allowed
from host.egress.sources import judge_source, parse_sources, shown
from host.settings.settings import Settings
from jobs import ids
from jobs.errors import ClientFault, EgressRefused
from jobs.job import Original
from jobs.limits import FILENAME_CHARACTERS_MAX
from jobs.requests import fields
from jobs.requests.texts import bad_parameter
from jobs.wire import COURIERS_EDITION
from web.access.call import Call
from web.access.fresh import fresh_id
from web.access.timing import Timing
from web.broker.editions import refuse_older
from web.metrics.families import JUDGE, PROMISE
from web.uploads.accept import accept
from web.uploads.admission import at_door
from web.uploads.answer import answer
from web.uploads.hooks import hooks_of, judge_batch
from web.uploads.originals import Stored


async def fetch_job(call: Call, values: dict[str, Any]) -> Response:
    """Accept a job whose original is at an address. Raises ClientFault `source_refused`, and as an upload does."""
    url = values.pop("source_url")
    if both := [name for name in ("original", "originals") if name in values]:
        raise bad_parameter("source_url", f"give {both[0]} or source_url, not both")
    if not isinstance(url, str):
        raise bad_parameter("source_url", "source_url is the address of an image")
    asked = fields.from_values(values, call.web.recipes)
    hooks = hooks_of(call, asked)
    judge_batch(call, asked, hooks, is_batch=False)
    _judge(url, call.web.settings)
    refuse_older(call.web.feed.latest_beat, COURIERS_EDITION, "source_url")
    timing = Timing(call)
    async with at_door(call, values.get("priority")) as admission:
        timing.ended(JUDGE)
        job = fresh_id()
        digest = hashlib.sha256(url.encode()).hexdigest()
        original = Original(ids.original_name(job), "", 0, 0, 0, digest)
        stored = [Stored(job, _named(url), original, lambda: None, source=url)]
        accepted = await accept(admission, asked, stored, hooks)
        timing.ended(PROMISE)
    return await answer(call, accepted, [], timing)


def _judge(url: str, settings: Settings) -> None:
    """Raises ClientFault for an address that must not be fetched, as far as its text tells."""
    try:
        judge_source(url, parse_sources(settings.sources), parse_allowed(settings.egress_allow))
    except EgressRefused as fault:
        raise ClientFault(fault.detail, code=fault.code) from None


def _named(url: str) -> str:
    """The file name in an address: a label, as every file name is."""
    return unquote(shown(url).rpartition("/")[2], errors="replace")[:FILENAME_CHARACTERS_MAX]
