"""The door of an upload, and of another recipe for a stored original: what could not be promised, or would wait too
long, is refused before its body is read.

Owns the order in which an upload's head, its grant, the disk, its caller's rate and share are judged. What it returns
is data: nobody asks again later what a grant allows. Owns no sizes and types of images (web/uploads/incoming.py).
"""

import contextlib
import math
import re
import time
from collections.abc import Iterator
from dataclasses import dataclass

from starlette.requests import Request

from jobs.access.keys import keyed
from jobs.errors import ClientFault, LimitExceeded
from jobs.job import PRIORITIES
from jobs.limits import FILES_PER_POST_MAX, RETRY_SECONDS, SPENT_GRANTS_MAX
from web.access.call import Call
from web.access.grants import Terms, terms_of
from web.access.shares import one_under_way
from web.broker.reads import at_once
from web.broker.requests import Unanswered
from web.broker.waiting import NORMAL

RATE_SECONDS = 60
_KEY = re.compile(r"[\x21-\x7e]{1,255}")


@dataclass(frozen=True, slots=True)
class Admission:
    """One upload that may come in. `key`: its Idempotency-Key. `known`: it repeats what was accepted, and adds no job.
    `images_max`: how many images it may bring. `priority` as it was asked: normal, if it was none."""

    call: Call
    key: str | None
    terms: Terms
    known: bool
    images_max: int
    priority: int

    def judge_pixels(self, pixels: int) -> None:
        """An image has so many: a large one waits in another lane. Raises Unanswered `wait_too_long`."""
        if not self.known and self.call.web.settings.eta_seconds_max:
            _refuse_long_wait(self.call, self.priority, pixels)

    def too_many(self, images: int) -> ClientFault:
        """The refusal of so many images, more than `images_max`: they could never be accepted."""
        if images > FILES_PER_POST_MAX:
            return LimitExceeded("too_many_parts", "files_per_post_max", FILES_PER_POST_MAX, images)
        rate = self.call.web.settings.rate_per_minute
        if rate and images > rate:
            return LimitExceeded("too_many_parts", "rate_per_minute", rate, images)
        return used_up(self.call, self.terms, self.terms.images_max)


@contextlib.contextmanager
def at_door(call: Call, priority: object, size: int = 0) -> Iterator[Admission]:
    """An upload that says that it has `size` bytes, or another recipe for a stored original, for as long as it is on
    its way in. Raises as `_admit`; ClientFault where the body is a part of a file, `bad_key`; TooMany."""
    _refuse_part(call.request)
    key = _checked_key(call.request)
    admission = _admit(call, key, priority, size)
    with one_under_way(call):
        yield admission


def _admit(call: Call, key: str | None, priority: object, size: int) -> Admission:
    """Whether a job may come in at all. Before its pixels are known it is judged as a small image.

    Raises Unanswered `queue_full` or `wait_too_long`, RateLimited, ClientFault `grant_used_up`, StoreFull.
    """
    web, settings, terms = call.web, call.web.settings, terms_of(call)
    if web.requests.full:
        raise Unanswered("too many uploads wait for the broker already", code="queue_full")
    web.room.admit(min(size, terms.bytes_max))
    rate, place = settings.rate_per_minute, PRIORITIES.index(priority) if priority in PRIORITIES else NORMAL
    if key and (terms.use or rate or settings.eta_seconds_max):
        name = keyed(web.key_secret, terms.owner, key, 0)
        # a repeat adds no job, however long the queue is; while the ledger is locked any may be one
        if at_once(lambda: bool(web.reader.keys([name])), locked=True):
            return Admission(call, key, terms, True, FILES_PER_POST_MAX, place)
    if terms.use and terms.use.grant in web.spent:
        raise used_up(call, terms, 0)
    beat = web.results.latest_beat  # what it does not know yet, the acknowledgement does
    if beat and (over := beat.over.get(call.caller.tenant, 0.0) - time.time()) > 0:
        raise RateLimited(rate, 0, over)
    if settings.eta_seconds_max:
        _refuse_long_wait(call, place, 0)
    return Admission(call, key, terms, False, min(terms.images_max, rate or FILES_PER_POST_MAX), place)


def used_up(call: Call, terms: Terms, left: int) -> ClientFault:
    """The refusal of a POST under a grant that has `left` uses; one without any is refused before its body from now
    on, by this process."""
    spent = call.web.spent
    if terms.use and left == 0:
        if len(spent) >= SPENT_GRANTS_MAX:
            spent.clear()
        spent.add(terms.use.grant)
    return ClientFault(f"the grant has {left} uses left", code="grant_used_up", left=left)


def _checked_key(request: Request) -> str | None:
    """The Idempotency-Key, without quotes around it. Raises ClientFault `bad_key`."""
    key = request.headers.get("idempotency-key")
    if key is None:
        return None
    if len(key) > 1 and key[0] == key[-1] == '"':
        key = key[1:-1]
    if not _KEY.fullmatch(key):
        raise ClientFault("an Idempotency-Key is 1 to 255 visible ASCII characters", code="bad_key")
    return key


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


def _refuse_part(request: Request) -> None:
    """Raises ClientFault where the head says that the body is a part of a file."""
    if "content-range" in request.headers:
        raise ClientFault(
            "a part of a file (Content-Range) is no image: send it whole (jQuery-File-Upload: maxChunkSize: undefined)"
        )


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
