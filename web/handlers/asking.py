"""Commands to the broker: sent, acknowledged, refused; and those over many, in steps.

Owns what a refusal means for a client. Knows no command.
"""

import asyncio
from collections.abc import Awaitable, Callable
from typing import Any

from starlette.requests import ClientDisconnect
from starlette.responses import Response

from jobs.errors import ClientFault, LimitExceeded
from jobs.limits import OPEN_BATCHES_MAX, OVER_MANY_MAX, RETRY_SECONDS
from jobs.wire import COMMITTED, Ack, Action, FromWeb
from web.access.call import Call
from web.access.fresh import fresh_id
from web.access.parts import Web
from web.access.shares import one_over_many
from web.broker.requests import NotPromised, nowhere
from web.http.body import until_gone
from web.http.json import as_json
from web.uploads.admission import RateLimited
from web.views.replies import Changed

REFUSALS = {
    "job_ended": "the job has ended already: DELETE with ?purge=1 removes it and its files",
    "job_not_ended": "the job has not ended: cancel it first",
    "not_requeueable": "only a failed, dead or cancelled job runs once more",
    "not_found": "it does not exist (any more)",
}
_PAUSED_FULL = "as many tenants as may be are paused already: resume others first"
_LATER = {
    "sweeps_full": "too many files wait to be deleted by workers: try again later",
    "queue_full": "the queue is full: try again when some jobs have run",
}
SWEEPS_SECONDS = 0.1
"""A step of a purge is repeated after this time, if the workers have too many deletions to do."""
Step = Callable[[int], Any]
"""Makes the message of one step, which begins behind this place."""
Counted = Callable[[int | None], Awaitable[tuple[int, int | None]]]
"""Counts what matches before this place, and says where to go on."""


def named(web: Web) -> tuple[str, str]:
    """The first two fields of a command: this process, and a new name of the request."""
    return web.id, web.requests.name()


def given(call: Call) -> Action:
    """What operators are told of the caller's command: the same in all its steps."""
    return Action(fresh_id(), call.caller.who)


async def ask(web: Web, message: FromWeb, done: str | None = None, tenant: str = "") -> Ack:
    """Send a command, and return its acknowledgement. Raises ClientFault or NotPromised if it is refused.

    `done`: the code of a refusal that means "done already". The command was sent again, because the first
    acknowledgement was lost with a broker. `tenant`: whose rate counts.
    """
    ack, _ = await web.requests.settle(message, nowhere, web.settings.accept_seconds)
    if ack.outcome == COMMITTED or (done is not None and ack.code == done):
        return ack
    if ack.code == "rate_limited":
        raise RateLimited(web.rate_of(tenant), 0, ack.retry_seconds)
    if ack.code == "too_many_at_once":
        raise LimitExceeded("too_many_at_once", "open_batches_max", OPEN_BATCHES_MAX, OPEN_BATCHES_MAX + 1)
    if ack.code == "paused_full":
        raise ClientFault(_PAUSED_FULL, code="bad_parameter", parameter="tenant")
    if ack.code in REFUSALS:
        raise ClientFault(REFUSALS[ack.code], code=ack.code)
    raise NotPromised(_LATER.get(ack.code or "", "the broker refuses this now"), code=ack.code)


async def over_many(call: Call, step: Step, counted: Counted | None) -> Response:
    """Run a command over many, one step after the other, until the client has left. With `counted` only count."""
    if call.web.over_many.total >= OVER_MANY_MAX:
        raise NotPromised(f"{OVER_MANY_MAX} commands over many jobs are under way here already", code="queue_full")
    with one_over_many(call):
        gone = asyncio.ensure_future(until_gone(call.request.receive))
        try:
            if counted is not None:
                return as_json(Changed(await _count(counted, gone), 0))
            return await _in_steps(call, step, gone)
        finally:
            gone.cancel()


async def _in_steps(call: Call, step: Step, gone: "asyncio.Future[None]") -> Response:
    done = {"matched": 0, "changed": 0}
    after: int | None = 0
    retry_seconds, is_full = 0.0, False
    while after is not None:
        _refuse_gone(gone)
        try:
            ack = await _step(call.web, step, after, gone)
        except NotPromised as fault:
            fault.members |= done
            raise
        done = {"matched": done["matched"] + ack.matched, "changed": done["changed"] + ack.changed}
        retry_seconds = max(retry_seconds, ack.retry_seconds)
        is_full = is_full or ack.code == "queue_full"
        after = ack.following
    headers = {}
    if retry_seconds:
        limited = RateLimited(call.web.rate_of(call.caller.tenant), 0, retry_seconds)
        if not done["changed"]:
            raise limited
        headers = {"Retry-After": str(limited.retry_seconds)}
    elif is_full:
        if not done["changed"]:
            raise NotPromised(_LATER["queue_full"], code="queue_full", **done)
        headers = {"Retry-After": str(RETRY_SECONDS)}
    return as_json(Changed(**done), 200, headers)


async def _step(web: Web, step: Step, after: int, gone: "asyncio.Future[None]") -> Ack:
    """Send one step, and return its acknowledgement. A step of a purge is refused while workers have too many files to
    delete: it is repeated until they have made progress."""
    left = web.settings.accept_seconds
    while True:
        try:
            return await ask(web, step(after))
        except NotPromised as fault:
            if fault.code != "sweeps_full" or left <= 0:
                raise
        left -= SWEEPS_SECONDS
        await asyncio.wait([gone], timeout=SWEEPS_SECONDS)
        _refuse_gone(gone)


async def _count(counted: Counted, gone: "asyncio.Future[None]") -> int:
    """How many match. It counts in steps, so that lists of other clients are read in between."""
    count, before = 0, None
    while True:
        _refuse_gone(gone)
        found, before = await counted(before)
        count += found
        if before is None:
            return count


def _refuse_gone(gone: "asyncio.Future[None]") -> None:
    if gone.done():
        raise ClientDisconnect
