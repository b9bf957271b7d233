"""What comes in at all, by upload or as another recipe: what could not be promised, or would wait too long, is refused
before its body is read.

Owns no sizes and types (web/http/body.py, web/uploads/receive.py): only what the cluster's state says.
"""

import hashlib
import hmac
import math
import time
from typing import NamedTuple

from jobs.access.grants import UploadGrant
from jobs.errors import ClientFault, LedgerBusy, LimitExceeded
from jobs.job import PRIORITIES
from jobs.limits import FILES_PER_POST_MAX, RETRY_SECONDS
from web.access.call import Call
from web.access.caller import Caller
from web.access.grants import is_spent, used_up
from web.access.parts import Web
from web.broker.requests import Unanswered
from web.broker.waiting import NORMAL

RATE_SECONDS = 60


class Admission(NamedTuple):
    """One upload's, beyond what is told before its body. `known`: it repeats what was accepted, and adds no job."""

    call: Call
    known: bool
    priority: int

    def judge_pixels(self, pixels: int) -> None:
        """An image has so many: a large one waits in another lane. Raises Unanswered `wait_too_long`."""
        if not self.known and self.call.web.settings.eta_seconds_max:
            _refuse_long_wait(self.call, self.priority, pixels)

    def judge_images(self, images: int) -> None:
        """So many have come. Raises LimitExceeded, or `grant_used_up`, where no more could be accepted ever."""
        if images > FILES_PER_POST_MAX:
            raise LimitExceeded("too_many_parts", "files_per_post_max", FILES_PER_POST_MAX, images)
        if self.known:
            return
        rate, grant = self.call.web.settings.rate_per_minute, self.call.caller.grant
        if rate and images > rate:
            raise LimitExceeded("too_many_parts", "rate_per_minute", rate, images)
        if isinstance(grant, UploadGrant) and images > grant.count:
            raise used_up(self.call, grant.count)


def admit(call: Call, key: str | None, priority: object, size: int = 0) -> Admission:
    """Whether a job may come in at all, with `size` bytes to be stored, of a `priority` as it was asked (normal, if it
    is none). Before its pixels are known it is judged as a small image.

    Raises Unanswered `queue_full` or `wait_too_long`, RateLimited, StoreFull.
    """
    web = call.web
    if web.requests.full:
        raise Unanswered("too many uploads wait for the broker already", code="queue_full")
    web.room.admit(size)
    settings, counted = web.settings, isinstance(call.caller.grant, UploadGrant)
    limited = counted or settings.rate_per_minute or settings.eta_seconds_max
    known = bool(limited and key) and _is_known(call, str(key))
    admission = Admission(call, known, PRIORITIES.index(priority) if priority in PRIORITIES else NORMAL)
    if known:
        return admission
    if is_spent(call):
        raise used_up(call, 0)
    if (over := _over_rate_seconds(call)) > 0:
        raise RateLimited(settings.rate_per_minute, 0, over)
    admission.judge_pixels(0)
    return admission


def _over_rate_seconds(call: Call) -> float:
    """For how long the caller is over their rate, by the latest beat; what it does not know yet, the receipt tells."""
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
    """Whether the key's jobs are there already: a repeat adds none, however long the queue is. Where that cannot be
    told at once, it may be: the broker judges later."""
    name = keyed(call.web, call.caller, key, 0)
    try:
        return bool(call.web.reader.keys([name]))
    except LedgerBusy:
        return True
