"""Redirects to the blob store's own addresses, where BLOBS_REDIRECT asks for them.

Knows no store: it may have no addresses, and then web sends the bytes.
"""

import time
from collections.abc import Mapping
from functools import partial

from starlette.responses import Response

from web.access.call import Call

MARGIN_SECONDS = 60
"""A cached redirect is used no later than this before its address ends: clocks differ, and a page loads for a while."""


async def redirect(call: Call, blob: str, headers: Mapping[str, str]) -> Response | None:
    """The answer that sends a GET to the store, with our headers as far as the store can send them. None: we send the
    bytes. Raises StoreFault."""
    if not call.web.settings.blobs_redirect or call.request.method != "GET":
        return None
    found = await call.web.blob_threads.do(partial(call.web.blobs.address, blob, time.time(), headers))
    if found is None:
        return None
    location, seconds = found
    shared = "private" if call.web.keys else "public"
    lasting = "no-cache" if "no-cache" in headers["Cache-Control"] else f"max-age={max(0, seconds - MARGIN_SECONDS)}"
    kept = {"Vary": headers["Vary"]} if "Vary" in headers else {}
    return Response(status_code=302, headers={"Location": location, "Cache-Control": f"{shared}, {lasting}", **kept})
