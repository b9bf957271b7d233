"""Bounds what one caller holds of this web process at the same time: uploads on their way in, event streams, waits,
commands over many jobs, and exports of lists.

Owns who is one caller. With keys it is a tenant, without keys an address. All callers with grants of one tenant are one
caller beside that tenant's keys, and each single grant has a lower bound of its own. The counts are
web/http/counts.py's.
"""

import contextlib
from collections.abc import Iterator

from jobs.access.grants import UploadGrant, ViewGrant
from jobs.limits import (
    EXPORTS_MAX,
    GRANT_UPLOADS_SPARE,
    OVER_MANY_MAX,
    STREAMS_AT_ONCE_MAX,
    UPLOADS_AT_ONCE_MAX,
    VIEWERS_AT_ONCE_MAX,
    WAITS_AT_ONCE_MAX,
)
from web.access.call import Call
from web.http.counts import Shares, TooMany, neighbourhood


def one_under_way(call: Call) -> contextlib.AbstractContextManager[None]:
    """For as long as an upload is on its way in. Raises TooMany."""
    grant, under_way = call.caller.grant, call.web.under_way
    if isinstance(grant, UploadGrant):
        most = min(UPLOADS_AT_ONCE_MAX, grant.count + GRANT_UPLOADS_SPARE)
        return under_way.one(grant.id, "uploads_at_once_max", most)
    return under_way.one(_caller(call), "uploads_at_once_max", UPLOADS_AT_ONCE_MAX)


def one_stream(call: Call) -> contextlib.AbstractContextManager[None]:
    """For as long as a stream of events lasts. Raises TooMany."""
    return _one(call, call.web.streams, "streams_at_once_max", STREAMS_AT_ONCE_MAX)


def one_wait(call: Call) -> contextlib.AbstractContextManager[None]:
    """For as long as a request waits for a job's end. Raises TooMany."""
    return _one(call, call.web.waits, "waits_at_once_max", WAITS_AT_ONCE_MAX)


def one_over_many(call: Call) -> contextlib.AbstractContextManager[None]:
    """For as long as a command over many jobs lasts. Raises TooMany."""
    return call.web.over_many.one(_caller(call), "over_many_at_once_max", OVER_MANY_MAX // 2)


def one_export(call: Call) -> contextlib.AbstractContextManager[None]:
    """For as long as an export of a list lasts. Raises TooMany."""
    if call.web.exports.total >= EXPORTS_MAX:
        raise TooMany("exports_max", EXPORTS_MAX)
    return call.web.exports.one(_caller(call), "exports_at_once_max", EXPORTS_MAX // 2)


@contextlib.contextmanager
def _one(call: Call, shares: Shares, limit: str, most: int) -> Iterator[None]:
    """Each takes a connection: no caller has more than a quarter of those that this process may hold."""
    most, grant = max(1, min(most, call.web.descriptors // 4)), call.caller.grant
    with contextlib.ExitStack() as held:
        if isinstance(grant, ViewGrant):
            held.enter_context(shares.one((grant.tenant, grant.job), limit, min(most, VIEWERS_AT_ONCE_MAX)))
        held.enter_context(shares.one(_caller(call), limit, most))
        yield


def _caller(call: Call) -> tuple[str, str]:
    if call.caller.grant is not None:
        return "grants", call.caller.tenant
    if call.web.keys:
        return "keys", call.caller.tenant
    return "address", neighbourhood(call.request.client.host if call.request.client else "")
