"""Admission control of uploads, and of new recipes for stored originals. It refuses, before the body is read, jobs that
could not be promised or would wait too long.

Owns the order of the checks: headers, disk, grant, rate, waiting time, and the caller's share. It returns data, so
later steps do not ask again what a grant allows. The sizes and types of images are judged by web/uploads/incoming.py.
"""

import contextlib
import math
import time
from collections.abc import AsyncIterator
from dataclasses import dataclass

from starlette.requests import Request

from jobs.access.keys import keyed
from jobs.errors import ClientFault, LedgerBusy, LimitExceeded
from jobs.job import PRIORITIES
from jobs.lanes import LARGE_MS
from jobs.limits import FILES_PER_POST_MAX, RETRY_SECONDS, SPENT_GRANTS_MAX
from jobs.recipes.explain import cost_ms
from jobs.recipes.recipe import Recipe
from jobs.requests.texts import checked_key
from web.access.call import Call
from web.access.grants import Terms, terms_of
from web.access.shares import one_under_way
from web.broker.requests import NotPromised
from web.broker.waiting import NORMAL

RATE_SECONDS = 60


@dataclass(frozen=True, slots=True)
class Admission:
    """One admitted upload. `key`: its Idempotency-Key. `known`: it repeats an accepted upload, so it adds no job.
    `images_max`: how many images it may have. `priority`: an index; normal if the caller named none."""

    call: Call
    key: str | None
    terms: Terms
    known: bool
    images_max: int
    priority: int

    def judge_cost(self, recipe: Recipe, format: str, width: int, height: int, orientation: int = 0) -> None:
        """Judge the waiting time of a job, as the arguments of `cost_ms` tell it: costly jobs have lanes of their own.
        Raises NotPromised `wait_too_long`."""
        if self.known or not self.call.web.settings.eta_seconds_max:
            return
        cost = cost_ms(recipe, format, width, height, orientation)
        if cost >= LARGE_MS:  # else it was judged at the door
            _refuse_long_wait(self.call, self.priority, cost)

    def too_many(self, images: int) -> ClientFault:
        """The refusal of an upload with more images than `images_max`: it could never be accepted."""
        if images > FILES_PER_POST_MAX:
            return LimitExceeded("too_many_parts", "files_per_post_max", FILES_PER_POST_MAX, images)
        return self.never(images) or used_up(self.call, self.terms, self.terms.images_max)

    def never(self, images: int) -> LimitExceeded | None:
        """The refusal of more images than the tenant may ever send at once; None: they may be accepted. (A tenant who
        may have no job at all is told of a full queue, by the broker.)"""
        web, tenant = self.call.web, self.call.caller.tenant
        rate, queued = web.rate_of(tenant), web.queued_max_of(tenant)
        if rate and images > rate:
            return LimitExceeded("too_many_parts", "rate_per_minute", rate, images)
        if 0 < queued < images:
            return LimitExceeded("too_many_parts", "queued_max", queued, images)
        return None

    async def judge_many(self, images: int) -> None:
        """Raises LimitExceeded if so many images could never be accepted, and repeat no accepted upload."""
        if self.known or (refusal := self.never(images)) is None:
            return
        if self.key is None or not await _is_known(self.call, self.terms, self.key):
            raise refusal


@contextlib.asynccontextmanager
async def at_door(call: Call, priority: object, size: int = 0) -> AsyncIterator[Admission]:
    """Admit an upload that announces `size` bytes, or a new recipe for a stored original (0 bytes). Within the context
    it counts in the caller's share. Raises as `_admit`; ClientFault for a part of a file or a `bad_key`; TooMany."""
    _refuse_part(call.request)
    key = checked_key(call.request.headers.get("idempotency-key"))
    admission = await _admit(call, key, priority, size)
    with one_under_way(call):
        yield admission


async def _admit(call: Call, key: str | None, priority: object, size: int) -> Admission:
    """Judge a job before its cost is known, as if it were a small one.

    Raises NotPromised `queue_full` or `wait_too_long`, RateLimited, ClientFault `grant_used_up`, StoreFull.
    """
    web, settings, terms = call.web, call.web.settings, terms_of(call)
    if web.requests.full:
        raise NotPromised("too many uploads wait for the broker already", code="queue_full")
    web.disk_space.admit(min(size, terms.bytes_max))
    rate = web.rate_of(call.caller.tenant)
    place = PRIORITIES.index(priority) if priority in PRIORITIES else NORMAL
    judged = terms.use or rate or settings.eta_seconds_max
    if key and judged and await _is_known(call, terms, key):  # a repeat adds no job, so the queue does not matter
        return Admission(call, key, terms, True, FILES_PER_POST_MAX, place)
    if terms.use and terms.use.grant in web.spent:
        raise used_up(call, terms, 0)
    beat = web.feed.latest_beat  # it may be a second old: the broker decides again
    if beat and (over := beat.over.get(call.caller.tenant, 0.0) - time.time()) > 0:
        raise RateLimited(rate, 0, over)
    if settings.eta_seconds_max:
        _refuse_long_wait(call, place, 0)
    return Admission(call, key, terms, False, min(terms.images_max, rate or FILES_PER_POST_MAX), place)


async def _is_known(call: Call, terms: Terms, key: str) -> bool:
    """Whether a job was accepted under this key. While nobody can tell, each may be a repeat: the broker decides."""
    name = keyed(call.web.key_secret, terms.owner, key, 0)
    try:
        return bool(await call.web.reads.quick.do(lambda ledger: ledger.keys([name])))
    except LedgerBusy:
        return True


def used_up(call: Call, terms: Terms, left: int) -> ClientFault:
    """The refusal of a POST under a grant that has `left` uses. If there are none, this process remembers that, and
    refuses further uploads before their bodies."""
    spent = call.web.spent
    if terms.use and left == 0:
        if len(spent) >= SPENT_GRANTS_MAX:
            spent.clear()
        spent.add(terms.use.grant)
    return ClientFault(f"the grant has {left} uses left", code="grant_used_up", left=left)


class RateLimited(ClientFault):
    """The tenant uploads more than `rate` images a minute. Now they may upload `left`, after `seconds` they may upload
    `images`. The headers are those of draft-ietf-httpapi-ratelimit-headers-10."""

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
    """When to retry after `queue_full`: when a tenth of the work ahead should be done."""
    estimate = call.web.feed.forecast.of_new(priority, call.caller.tenant, 0)
    return RETRY_SECONDS if estimate is None else max(RETRY_SECONDS, math.ceil(estimate.wait_seconds / 10))


def _refuse_part(request: Request) -> None:
    """Raises ClientFault if the headers say that the body is a part of a file."""
    if "content-range" in request.headers:
        raise ClientFault(
            "a part of a file (Content-Range) is no image: send it whole (jQuery-File-Upload: maxChunkSize: undefined)"
        )


def _refuse_long_wait(call: Call, priority: int, cost: float) -> None:
    estimate = call.web.feed.forecast.of_new(priority, call.caller.tenant, cost)
    most = call.web.settings.eta_seconds_max
    if estimate is None or estimate.wait_seconds <= most:
        return
    wait = estimate.wait_seconds
    refusal = NotPromised(
        f"it would wait for {wait:.0f} s before it begins, which is too long", code="wait_too_long",
        limit="eta_seconds_max", allowed=most, actual=round(wait, 2),
    )  # fmt: skip
    refusal.retry_seconds = math.ceil(wait - most)
    raise refusal
