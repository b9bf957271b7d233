"""Which uploads are refused before their body is read: those that could not be promised, or would wait too long.

Owns no sizes and types (web/body.py, web/uploads.py): only what the cluster's state says.
"""

import hashlib
import hmac
import math
from collections.abc import Callable
from functools import partial

from jobs.errors import StoreFull
from jobs.job import PRIORITIES
from web.call import Call
from web.config import Web
from web.submit import Unanswered
from web.waiting import NORMAL, RETRY_SECONDS

Refuse = Callable[[int], None]
"""Raises Unanswered where an image of so many pixels would wait too long."""


def refuse_early(call: Call, key: str | None) -> Refuse:
    """Before the body: as a small image is taken whatever may come, of the priority in the query or the normal one.

    Returns what to call with the pixels of a file whose head has told them: a large one waits in another lane.
    Raises Unanswered `queue_full` or `wait_too_long`, StoreFull.
    """
    web = call.web
    if web.requests.full:
        raise Unanswered("too many uploads wait for the broker already", code="queue_full")
    if web.blobs.free_bytes() < web.settings.disk_free_bytes_min:
        raise StoreFull("the disk is nearly full: no more is taken until there is room")
    if not web.settings.eta_seconds_max or (key and _is_known(call, key)):
        return lambda _pixels: None
    asked = call.query.get("priority")
    refuse = partial(_refuse_long_wait, call, PRIORITIES.index(asked) if asked in PRIORITIES else NORMAL)
    refuse(0)
    return refuse


def _refuse_long_wait(call: Call, priority: int, pixels: int) -> None:
    estimate = call.web.results.waits.of_new(priority, call.caller.tenant, pixels)
    most = call.web.settings.eta_seconds_max
    if estimate is None or estimate.wait_seconds <= most:
        return
    wait = estimate.wait_seconds
    refusal = Unanswered(
        f"it would wait for {wait:.0f} s before it begins, which is too long", code="wait_too_long",
        limit="eta_seconds_max", allowed=most, actual=round(wait, 2),
    )  # fmt: skip
    refusal.retry_seconds = math.ceil(wait - most)
    raise refusal


def queue_full_seconds(call: Call, priority: int) -> int:
    """When to come again to a full queue: once a tenth of what is ahead has been done."""
    estimate = call.web.results.waits.of_new(priority, call.caller.tenant, 0)
    return RETRY_SECONDS if estimate is None else max(RETRY_SECONDS, math.ceil(estimate.wait_seconds / 10))


def keyed(web: Web, tenant: str, key: str, index: int) -> bytes:
    """The HMAC of a tenant's Idempotency-Key for one file of a POST."""
    return hmac.digest(web.key_secret, "\0".join((tenant, key, str(index))).encode(), hashlib.sha256)


def _is_known(call: Call, key: str) -> bool:
    """Whether the key's jobs are there already: a repeat adds none, however long the queue is."""
    name = keyed(call.web, call.caller.tenant, key, 0)
    return bool(call.web.reader.keys([name]))
