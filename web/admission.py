"""Which uploads are refused before their body is read: those that could not be promised, or would wait too long.

Owns no sizes and types (web/body.py, web/uploads.py): only what the cluster's state says.
"""

import hashlib
import hmac
import math
import time
from collections.abc import Callable
from functools import partial

from jobs.errors import ClientFault, StoreFull
from jobs.grants import UploadGrant
from jobs.job import PRIORITIES
from web.call import Call
from web.config import Web
from web.grants import is_spent, used_up
from web.submit import Unanswered
from web.waiting import NORMAL, RETRY_SECONDS
from web.who import Caller

RATE_SECONDS = 60

Refuse = Callable[[int], None]
"""Raises Unanswered where an image of so many pixels would wait too long."""


def refuse_early(call: Call, key: str | None) -> Refuse:
    """Before the body: as a small image is taken whatever may come, of the priority in the query or the normal one.

    Returns what to call with the pixels of a file whose head has told them: a large one waits in another lane.
    Raises Unanswered `queue_full` or `wait_too_long`, RateLimited, StoreFull.
    """
    web = call.web
    if web.requests.full:
        raise Unanswered("too many uploads wait for the broker already", code="queue_full")
    if web.blobs.free_bytes() < web.settings.disk_free_bytes_min:
        raise StoreFull("the disk is nearly full: no more is taken until there is room")
    over, spent = _over_rate_seconds(call), is_spent(call)
    if (over <= 0 and not spent and not web.settings.eta_seconds_max) or (key and _is_known(call, key)):
        return lambda _pixels: None
    if spent:
        raise used_up(call, 0)
    if over > 0:
        raise RateLimited(web.settings.rate_per_minute, 0, over)
    if not web.settings.eta_seconds_max:
        return lambda _pixels: None
    asked = call.query.get("priority")
    refuse = partial(_refuse_long_wait, call, PRIORITIES.index(asked) if asked in PRIORITIES else NORMAL)
    refuse(0)
    return refuse


def _over_rate_seconds(call: Call) -> float:
    """For how long the caller is over his rate, by the latest beat; what it does not know yet, the receipt tells."""
    beat = call.web.results.latest_beat
    return beat.over.get(call.caller.tenant, 0.0) - time.time() if beat else 0.0


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


class RateLimited(ClientFault):
    """The tenant uploads more than `rate` images a minute: `left` are within it now, and `images` after `seconds`.
    The fields are those of draft-ietf-httpapi-ratelimit-headers-10."""

    def __init__(self, rate: int, left: int, seconds: float, images: int = 1) -> None:
        super().__init__(
            f"{rate} uploads a minute are allowed, {left} are left now", code="rate_limited", limit="rate_per_minute",
            allowed=rate, actual=rate - left + images,
        )  # fmt: skip
        self.retry_seconds = max(1, math.ceil(seconds))
        self.headers = {
            "RateLimit-Policy": f'"uploads";q={rate};w={RATE_SECONDS}',
            "RateLimit": f'"uploads";r={left};t={self.retry_seconds}',
        }


def queue_full_seconds(call: Call, priority: int) -> int:
    """When to come again to a full queue: once a tenth of what is ahead has been done."""
    estimate = call.web.results.waits.of_new(priority, call.caller.tenant, 0)
    return RETRY_SECONDS if estimate is None else max(RETRY_SECONDS, math.ceil(estimate.wait_seconds / 10))


def keyed(web: Web, caller: Caller, key: str, index: int) -> bytes:
    """The HMAC of a caller's Idempotency-Key for one file of a POST: keys are a tenant's own, or a grant's."""
    owner = (caller.tenant, caller.grant.id) if isinstance(caller.grant, UploadGrant) else (caller.tenant,)
    return hmac.digest(web.key_secret, "\0".join((*owner, key, str(index))).encode(), hashlib.sha256)


def _is_known(call: Call, key: str) -> bool:
    """Whether the key's jobs are there already: a repeat adds none, however long the queue is."""
    name = keyed(call.web, call.caller, key, 0)
    return bool(call.web.reader.keys([name]))
