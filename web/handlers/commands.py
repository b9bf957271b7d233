"""Routes that change jobs, the queue or the workers. Each sends requests to the broker, and answers after its
acknowledgement with what the ledger says then. And the route that lists who changed what.
"""

import functools
from collections.abc import Callable

from starlette.responses import Response

from jobs import ids
from jobs.errors import ClientFault
from jobs.job import REQUEUEABLE, TEXT_CHARACTERS_MAX, State
from jobs.limits import LIST_SCAN_MAX
from jobs.requests.texts import bad_parameter
from jobs.tenants import NAME
from jobs.wire import PAUSES_EDITION, TIMES_EDITION, Cancel, DrainWorker, Pause, Purge, Requeue, Resume
from web.access.call import Call, flag
from web.access.filters import FILTERS, TENANT, has_times
from web.access.paging import limit_of
from web.access.parts import Web
from web.broker.editions import refuse_older
from web.broker.requests import NotPromised
from web.handlers.asking import REFUSALS, ask, given, named, over_many
from web.http.json import as_json
from web.views.acted import ActionPage
from web.views.acted import action as shown
from web.views.replies import Draining, Paused


async def delete_job(call: Call) -> Response:
    """DELETE /jobs/{job}: cancel it, or purge it once it has ended."""
    purge, row = flag(call.query, "purge"), await call.job()
    if purge:
        await ask(call.web, Purge(*named(call.web), row.id, action=given(call)), done="not_found")
        return Response(status_code=204)
    if row.state == State.CANCELLED:
        return as_json(call.shown(row))
    await ask(call.web, Cancel(*named(call.web), row.id, action=given(call)))
    return as_json(call.shown(await call.job()), 202)


async def delete_jobs(call: Call) -> Response:
    """DELETE /jobs: cancel or purge all that match."""
    return await _over_all(call, Purge if flag(call.query, "purge") else Cancel)


async def requeue_job(call: Call) -> Response:
    """POST /jobs/{job}/requeue."""
    row = await call.job()
    if row.state not in REQUEUEABLE:
        raise ClientFault(REFUSALS["not_requeueable"], code="not_requeueable")
    order = Requeue(*named(call.web), row.id, None, row.change, _is_counted(call), action=given(call))
    await ask(call.web, order, tenant=row.tenant)
    return as_json(call.shown(await call.job()), 202)


async def requeue_jobs(call: Call) -> Response:
    """POST /jobs/requeue."""
    return await _over_all(call, functools.partial(Requeue, counted=_is_counted(call)))


async def pause(call: Call) -> Response:
    """POST /queue/pause: of all jobs, or of one tenant's."""
    return await _pause(call, Pause, True)


async def resume(call: Call) -> Response:
    """POST /queue/resume, likewise."""
    return await _pause(call, Resume, False)


async def _pause(call: Call, kind: type[Pause | Resume], paused: bool) -> Response:
    tenant = call.query.get(TENANT)
    if tenant is None:
        await ask(call.web, kind(*named(call.web), given(call)))
        return as_json(Paused(paused))
    if not NAME.fullmatch(tenant):
        raise bad_parameter(TENANT, f"a tenant's name has 1 to 64 letters, digits and ._@-, not {tenant[:100]!r}")
    await _refuse_older(call.web, PAUSES_EDITION, "pause of one tenant")
    await ask(call.web, kind(*named(call.web), given(call), tenant))
    return as_json(Paused(paused, tenant))


async def drain_worker(call: Call) -> Response:
    """POST /workers/{incarnation}/drain."""
    incarnation = call.parameter("incarnation")
    if len(incarnation) > TEXT_CHARACTERS_MAX:
        raise ClientFault(REFUSALS["not_found"], code="not_found")
    await ask(call.web, DrainWorker(*named(call.web), incarnation, given(call)))
    return as_json(Draining(incarnation, "draining"), 202)


async def get_actions(call: Call) -> Response:
    """GET /actions: a page of the commands that were carried out, the newest first. `next` is its last one's id."""
    limit, before = limit_of(call), call.query.get("after")
    if before is not None and not ids.is_id(before):
        raise bad_parameter("after", "after is the `next` of an earlier page")
    entries = await call.web.reads.lists.do(lambda ledger: ledger.actions(before, limit + 1))
    following = entries[limit - 1].id if len(entries) > limit else None
    view = ActionPage([shown(entry, bool(call.web.keys)) for entry in entries[:limit]], following)
    return as_json(view, 200, {"Cache-Control": "no-store"})


def _is_counted(call: Call) -> bool:
    """Whether requeued jobs count against the caller's rate. An operator's do not."""
    return call.caller.sees is not None or not call.web.keys


async def _over_all(call: Call, kind: Callable[..., Cancel | Requeue | Purge]) -> Response:
    """Run a command over all that match, or only count them."""
    where, dry = call.where(), flag(call.query, "dry_run")
    if not (dry or flag(call.query, "all") or any(name in call.query for name in FILTERS)):
        raise bad_parameter("all", "this changes all jobs: confirm with all=1, or filter by " + ", ".join(FILTERS))
    if has_times(where) and not dry:
        await _refuse_older(call.web, TIMES_EDITION, "times")

    action = given(call)

    async def counted(before: int | None) -> tuple[int, int | None]:
        return await call.web.reads.lists.do(lambda ledger: ledger.count(where, before, LIST_SCAN_MAX))

    def step(after: int) -> Cancel | Requeue | Purge:
        return kind(*named(call.web), id=None, where=where, after=after, action=action)

    return await over_many(call, step, counted if dry else None)


async def _refuse_older(web: Web, edition: int, what: str) -> None:
    """Raises NotPromised if the broker is of a release that does not know `what`, which narrows the command and came
    with this edition: it would change all jobs."""
    beat = await web.feed.first_beat(web.settings.accept_seconds)
    if beat is None:
        raise NotPromised("the broker is unheard")
    refuse_older(beat, edition, what)
