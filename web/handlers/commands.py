"""Routes that change jobs, the queue or the workers. Each sends requests to the broker, and answers after its
acknowledgement with what the ledger says then.
"""

import asyncio
import functools
import secrets
import time
from collections.abc import Callable

import msgspec
from starlette.requests import ClientDisconnect
from starlette.responses import Response

from jobs import ids
from jobs.errors import ClientFault
from jobs.job import REQUEUEABLE, TEXT_CHARACTERS_MAX, State, decode_spec
from jobs.limits import FIELD_BYTES_MAX, LIST_SCAN_MAX, OVER_MANY_MAX
from jobs.records import Where
from jobs.wire import COMMITTED, Ack, Cancel, DrainWorker, FromWeb, Pause, Purge, Requeue, Resume
from web.access.call import FILTERS, Call, find_job, flag, read_body
from web.access.parts import Web
from web.access.shares import one_over_many
from web.broker.requests import NotPromised
from web.http.body import until_gone
from web.http.json import as_json, bad_parameter, read_object
from web.uploads import fields as fields
from web.uploads.accept import accept
from web.uploads.admission import RateLimited, at_door
from web.uploads.answer import answer
from web.uploads.incoming import publish
from web.uploads.originals import Stored

_REFUSALS = {
    "job_ended": "the job has ended already",
    "job_not_ended": "the job has not ended: cancel it first",
    "not_requeueable": "only a failed, dead or cancelled job runs once more",
    "not_found": "it does not exist (any more)",
}
_LATER = {"sweeps_full": "too many files wait to be deleted by workers: try again later"}
SWEEPS_SECONDS = 0.1
"""A step of a purge is repeated after this time, if the workers have too many deletions to do."""


async def reprocess(call: Call) -> Response:
    """POST /jobs: another recipe for the stored original of a job, in whatever state that job is."""
    values = read_object(await read_body(call.request, "field_bytes_max", FIELD_BYTES_MAX))
    if unknown := sorted(set(values) - fields.FIELDS - {"original"}):
        raise bad_parameter(unknown[0], f"there is no key {unknown[0]!r}")
    source = values.pop("original", None)
    if not isinstance(source, str):
        raise bad_parameter("original", "original is the id of a job whose original is stored")
    asked = fields.from_values(values, call.web.recipes)
    row = await find_job(call.web, call.caller, source)
    if row is None:
        raise ClientFault(f"there is no job {source}", code="not_found")
    spec = decode_spec(row.spec)
    with at_door(call, values.get("priority")) as admission:
        admission.judge_pixels(spec.original.width * spec.original.height)
        job = ids.mint(time.time(), secrets.token_bytes(ids.RANDOM_BYTES))
        original = msgspec.structs.replace(spec.original, name=ids.original_name(job))
        link = functools.partial(call.web.blobs.link, ids.original_name(row.id), original.name)
        stored = [Stored(job, spec.filename, original, link)]
        await publish(call.web, stored)
        accepted = await accept(admission, asked, stored)
    return await answer(call, accepted, [])


async def delete_job(call: Call) -> Response:
    """DELETE /jobs/{job}: cancel it, or purge it once it has ended."""
    purge, row = flag(call.query, "purge"), await call.job()
    if purge:
        await _ask(call.web, Purge(*_named(call.web), row.id), done="not_found")
        return Response(status_code=204)
    if row.state == State.CANCELLED:
        return as_json(call.shown(row))
    await _ask(call.web, Cancel(*_named(call.web), row.id))
    return as_json(call.shown(await call.job()), 202)


async def delete_jobs(call: Call) -> Response:
    """DELETE /jobs: cancel or purge all that match."""
    return await _over_all(call, Purge if flag(call.query, "purge") else Cancel)


async def requeue_job(call: Call) -> Response:
    """POST /jobs/{job}/requeue."""
    row = await call.job()
    if row.state not in REQUEUEABLE:
        raise ClientFault(_REFUSALS["not_requeueable"], code="not_requeueable")
    await _ask(call.web, Requeue(*_named(call.web), row.id, None, row.change, _is_counted(call)))
    return as_json(call.shown(await call.job()), 202)


async def requeue_jobs(call: Call) -> Response:
    """POST /jobs/requeue."""
    return await _over_all(call, functools.partial(Requeue, counted=_is_counted(call)))


async def pause(call: Call) -> Response:
    """POST /queue/pause."""
    await _ask(call.web, Pause(*_named(call.web)))
    return as_json({"paused": True})


async def resume(call: Call) -> Response:
    """POST /queue/resume."""
    await _ask(call.web, Resume(*_named(call.web)))
    return as_json({"paused": False})


async def drain_worker(call: Call) -> Response:
    """POST /workers/{incarnation}/drain."""
    incarnation = call.parameter("incarnation")
    if len(incarnation) > TEXT_CHARACTERS_MAX:
        raise ClientFault(_REFUSALS["not_found"], code="not_found")
    await _ask(call.web, DrainWorker(*_named(call.web), incarnation))
    return as_json({"incarnation": incarnation, "state": "draining"}, 202)


def _named(web: Web) -> tuple[str, str]:
    return web.id, web.requests.name()


async def _ask(web: Web, message: FromWeb, done: str | None = None) -> Ack:
    """Send a command, and return its acknowledgement. Raises ClientFault or NotPromised if it is refused.

    `done`: the code of a refusal that means "done already". The command was sent again, because the first
    acknowledgement was lost with a broker.
    """
    ack, _ = await web.requests.settle(message, lambda: None, web.settings.accept_seconds)
    if ack.outcome == COMMITTED or (done is not None and ack.code == done):
        return ack
    if ack.code == "rate_limited":
        raise RateLimited(web.settings.rate_per_minute, 0, ack.retry_seconds)
    if ack.code in _REFUSALS:
        raise ClientFault(_REFUSALS[ack.code], code=ack.code)
    raise NotPromised(_LATER.get(ack.code or "", "the broker refuses this now"), code=ack.code)


def _is_counted(call: Call) -> bool:
    """Whether requeued jobs count against the caller's rate. An operator's do not."""
    return call.caller.sees is not None or not call.web.keys


async def _over_all(call: Call, kind: Callable[..., Cancel | Requeue | Purge]) -> Response:
    """Run a command over many jobs, one step after the other, until the client has left."""
    where = call.where()
    dry = flag(call.query, "dry_run")
    if not (dry or flag(call.query, "all") or any(name in call.query for name in FILTERS)):
        raise bad_parameter("all", "this changes all jobs: confirm with all=1, or filter by " + ", ".join(FILTERS[:3]))
    if call.web.over_many.total >= OVER_MANY_MAX:
        raise NotPromised(f"{OVER_MANY_MAX} commands over many jobs are under way here already", code="queue_full")
    with one_over_many(call):
        gone = asyncio.ensure_future(until_gone(call.request.receive))
        try:
            if dry:
                return as_json({"matched": await _count(call.web, where, gone), "changed": 0})
            return await _in_steps(call.web, functools.partial(kind, id=None, where=where), gone)
        finally:
            gone.cancel()


async def _in_steps(web: Web, kind: Callable[..., Cancel | Requeue | Purge], gone: "asyncio.Future[None]") -> Response:
    done = {"matched": 0, "changed": 0}
    after: int | None = 0
    retry_seconds = 0.0
    while after is not None:
        _refuse_gone(gone)
        try:
            ack = await _step(web, functools.partial(kind, after=after), gone)
        except NotPromised as fault:
            fault.members |= done
            raise
        done = {"matched": done["matched"] + ack.matched, "changed": done["changed"] + ack.changed}
        retry_seconds = max(retry_seconds, ack.retry_seconds)
        after = ack.following
    headers = {}
    if retry_seconds:
        limited = RateLimited(web.settings.rate_per_minute, 0, retry_seconds)
        if not done["changed"]:
            raise limited
        headers = {"Retry-After": str(limited.retry_seconds)}
    return as_json(done, 200, headers)


async def _step(web: Web, kind: Callable[..., Cancel | Requeue | Purge], gone: "asyncio.Future[None]") -> Ack:
    """Send one step, and return its acknowledgement. A step of a purge is refused while workers have too many files to
    delete: it is repeated until they have made progress."""
    left = web.settings.accept_seconds
    while True:
        try:
            return await _ask(web, kind(*_named(web)))
        except NotPromised as fault:
            if fault.code != "sweeps_full" or left <= 0:
                raise
        left -= SWEEPS_SECONDS
        await asyncio.wait([gone], timeout=SWEEPS_SECONDS)
        _refuse_gone(gone)


async def _count(web: Web, where: Where, gone: "asyncio.Future[None]") -> int:
    """How many jobs match. It counts in steps, so that lists of other clients are read in between."""
    count, before = 0, None
    while True:
        _refuse_gone(gone)
        found, before = await web.list_thread.do(functools.partial(web.lists.count, where, before, LIST_SCAN_MAX))
        count += found
        if before is None:
            return count


def _refuse_gone(gone: "asyncio.Future[None]") -> None:
    if gone.done():
        raise ClientDisconnect
