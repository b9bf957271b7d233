"""POST /batches and POST /batches/{batch}/close: a batch that uploads join while it is open.

The broker decides who joins, and when the batch ends (broker/core/batches.py).
"""

from starlette.responses import Response

from host.egress.receivers import NAME
from jobs import ids
from jobs.access.keys import keyed
from jobs.errors import ClientFault
from jobs.job import Hooks, decode_hooks
from jobs.limits import FIELD_BYTES_MAX
from jobs.requests.texts import bad_parameter, checked_key
from jobs.wire import BATCHES_EDITION, Action, CloseBatch, OpenBatch
from web.access.batches import batch_of_call
from web.access.call import Call, read_body
from web.access.fresh import fresh_id
from web.access.parts import Web
from web.broker.editions import refuse_older
from web.handlers.asking import ask, given, named
from web.handlers.jobs import shown_with_jobs
from web.http.json import as_json, read_object
from web.uploads.hooks import hooks_for
from web.views.shapes import OpenedBatch


async def open_batch(call: Call) -> Response:
    """POST /batches."""
    body = await read_body(call.request, "field_bytes_max", FIELD_BYTES_MAX)
    values = read_object(body) if body else {}
    if unknown := sorted(set(values) - {NAME}):
        raise bad_parameter(unknown[0], f"there is no key {unknown[0]!r}: use {NAME}")
    hooks = hooks_for(call, values.get(NAME))
    refuse_older(call.web.feed.latest_beat, BATCHES_EDITION, "open batches")
    key = checked_key(call.request.headers.get("idempotency-key"))
    batch = fresh_id() if key is None else _of_key(call, key)
    await ask(call.web, OpenBatch(*named(call.web), batch, call.caller.tenant, hooks), tenant=call.caller.tenant)
    if key is not None:
        await _refuse_other(call.web, batch, hooks)
    here = f"{call.base}/batches/{batch}"
    return as_json(OpenedBatch(batch, here), 201, {"Location": here})


def _of_key(call: Call, key: str) -> str:
    """The id of the batch of this Idempotency-Key: the broker opens each id once. No time is in it."""
    return ids.mint(0.0, keyed(call.web.key_secret, (call.caller.tenant, "batch"), key, 0))


async def _refuse_other(web: Web, batch: str, hooks: Hooks | None) -> None:
    """Raises ClientFault if that batch was opened before with other receivers."""
    entry = await web.reads.quick.do(lambda ledger: ledger.batch_entry(batch))
    kept = decode_hooks(entry.hooks).urls if entry and entry.hooks else ()
    if entry and kept != (hooks.urls if hooks else ()):
        raise ClientFault("this Idempotency-Key was used for other content", code="idempotency_key_reused")


async def close_batch(call: Call) -> Response:
    """POST /batches/{batch}/close."""
    refuse_older(call.web.feed.latest_beat, BATCHES_EDITION, "open batches")
    batch = call.parameter("batch")
    if ids.is_id(batch):
        await ask(call.web, CloseBatch(*named(call.web), batch, call.caller.sees, _told(call)))
    return await shown_with_jobs(call, await batch_of_call(call), 202)


def _told(call: Call) -> Action | None:
    """What operators are told of a close: only those by a key that may close everyone's batches. Apps close each of
    theirs."""
    return given(call) if call.web.keys and call.caller.sees is None else None
