"""Routes of deliveries: what receivers were told, and a replay of it.

The broker decides when a delivery is tried (broker/core/couriers); a page is read by stores/ledger.
"""

from functools import partial

from starlette.responses import Response

from jobs.deliveries import DeliveryRow, DeliveryState, DeliveryWhere, EventType, seq_of
from jobs.errors import ClientFault
from jobs.ids import is_id
from jobs.limits import LIST_SCAN_MAX
from jobs.requests.texts import bad_parameter
from jobs.wire import COURIERS_EDITION, Replay
from stores.ledger import LedgerReader
from web.access.call import Call, flag
from web.access.filters import DELIVERY_FILTERS, time_of
from web.access.paging import before_of, cursor, limit_of
from web.broker.editions import refuse_older
from web.handlers.asking import ask, given, named, over_many
from web.http.json import as_json
from web.views.told import DeliveryPage
from web.views.told import delivery as shown


async def get_deliveries(call: Call) -> Response:
    """GET /deliveries: a page of them, the newest first."""
    where, limit, before = _where(call), limit_of(call), before_of(call)
    rows, following = await call.web.reads.lists.do(
        lambda ledger: ledger.delivery_page(where, before, limit, LIST_SCAN_MAX)
    )
    view = DeliveryPage([shown(row) for row in rows], None if following is None else cursor(following))
    return as_json(view, 200, {"Cache-Control": "no-store"})


async def replay_delivery(call: Call) -> Response:
    """POST /deliveries/{delivery}/replay."""
    row = await _delivery(call)
    refuse_older(call.web.feed.latest_beat, COURIERS_EDITION, "replay")
    await ask(call.web, Replay(*named(call.web), row.id, tenant=call.caller.sees, action=given(call)))
    return as_json(shown(await _delivery(call)), 202)


async def replay_deliveries(call: Call) -> Response:
    """POST /deliveries/replay: all that match."""
    where = _where(call)
    dry = flag(call.query, "dry_run")
    if not (dry or flag(call.query, "all") or any(name in call.query for name in DELIVERY_FILTERS)):
        raise bad_parameter("all", "this replays all: confirm with all=1, or filter by " + ", ".join(DELIVERY_FILTERS))

    if not dry:
        refuse_older(call.web.feed.latest_beat, COURIERS_EDITION, "replay")

    action = given(call)

    async def counted(before: int | None) -> tuple[int, int | None]:
        return await call.web.reads.lists.do(partial(_count, where, before))

    def step(after: int) -> Replay:
        return Replay(*named(call.web), None, where, after, where.tenant, action)

    return await over_many(call, step, counted if dry else None)


def _count(where: DeliveryWhere, before: int | None, ledger: LedgerReader) -> tuple[int, int | None]:
    return ledger.delivery_count(where, before, LIST_SCAN_MAX)


async def _delivery(call: Call) -> DeliveryRow:
    delivery = call.parameter("delivery")
    row = None
    if seq_of(delivery) is not None:
        row = await call.web.reads.quick.do(lambda ledger: ledger.delivery(delivery))
    if row is None or call.caller.sees not in (None, row.tenant):
        raise ClientFault(f"there is no delivery {delivery[:100]!r}", code="not_found")
    return row


def _where(call: Call) -> DeliveryWhere:
    """The filter in the query. Raises ClientFault."""
    for name, choices in (("state", DeliveryState), ("type", EventType)):
        value = call.query.get(name)
        if value is not None and value not in list(choices):
            raise bad_parameter(name, f"{name} is one of {', '.join(choices)}, not {value[:100]!r}")
    job = call.query.get("job")
    if job is not None and not is_id(job):
        raise bad_parameter("job", f"job is the id of a job, not {job[:100]!r}")
    return DeliveryWhere(
        call.caller.sees, call.query.get("state"), call.query.get("type"), job, time_of(call.query, "since")
    )
