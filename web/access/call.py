"""One request as its handler sees it, and the wrapper that makes it so: known query parameters only,
the caller, the base of every address in the answer.

Knows no route; web/routes.py has the table.
"""

from collections.abc import Awaitable, Callable, Sequence
from typing import Any, NamedTuple

from starlette.requests import Request
from starlette.routing import Match, Route
from starlette.types import ASGIApp
from starlette.types import Scope as Asked

from jobs import ids, trace
from jobs.access.grants import Grant, ViewGrant, sign
from jobs.access.keys import Scope
from jobs.errors import ClientFault, LimitExceeded
from jobs.job import Row
from jobs.limits import PARAMETERS_MAX, STREAM_JOBS_MAX
from jobs.records import Where
from jobs.requests.texts import bad_parameter
from jobs.trace import Trace
from web.access.caller import IN_QUERY, Caller, admit
from web.access.filters import TENANT, filter_of
from web.access.guard import base_of
from web.access.parts import Web
from web.http import body
from web.http.tally import READING, tally_of
from web.views import answers
from web.views.shapes import Job


class Call(NamedTuple):
    """`base`: what every address in the answer starts with (no slash at its end)."""

    web: Web
    request: Request
    query: dict[str, str]
    caller: Caller
    base: str

    def parameter(self, name: str) -> str:
        """A part of the path."""
        value: str = self.request.path_params[name]
        return value

    async def job(self) -> Row:
        """The job that the path names. Raises ClientFault `not_found`, also for another tenant's."""
        row = await find_job(self.web, self.caller, self.parameter("job"))
        if row is None:
            raise ClientFault(f"there is no job {self.parameter('job')}", code="not_found")
        return row

    def shown(self, row: Row) -> Job:
        """A job as the API shows it."""
        return answers.job(row, self.base, self.web.feed.forecast.places()(row), self.by_grant)

    @property
    def trace(self) -> Trace | None:
        """The trace in which the request comes."""
        headers = self.request.headers
        return trace.read(headers.getlist("traceparent"), headers.getlist("tracestate"))

    @property
    def by_grant(self) -> str:
        """The URL suffix of the one job that a grant shows to this caller; else empty."""
        grant = self.caller.grant
        return grant_query(self.web, grant) if isinstance(grant, ViewGrant) else ""

    def where(self) -> Where:
        """The filter in the query, over the jobs that the caller sees. Raises as filter_of does, and `forbidden` for
        another tenant than the caller's."""
        whose = self._whose()
        if not self.web.keys and "reference" in self.query and TENANT not in self.query:
            whose = self.caller.tenant  # everyone's, where there never were keys; and there is an index of it
        return filter_of(self.query, whose)

    def _whose(self) -> str | None:
        """The tenant whose jobs are meant; None is everyone. Raises ClientFault `forbidden`."""
        asked, sees = self.query.get(TENANT), self.caller.sees
        if asked is None or sees == asked:
            return sees
        if sees is not None:
            detail = f"another tenant's jobs need the scope {Scope.OPERATE}, the key has {self.caller.scope}"
            raise ClientFault(detail, code="forbidden", scope=Scope.OPERATE)
        return asked


Handler = Callable[[Call], Awaitable[ASGIApp]]


class Served(Route):
    """A route that tells what it takes, for the docs: the scope that it `needs` (None: nothing), the kind of grant that
    opens it, too, and its query `parameters`. `title`: its method and the template of its path."""

    title: str
    needs: Scope | None
    by: type[Grant] | None
    parameters: tuple[str, ...]
    others: frozenset[tuple[str, ...]] = frozenset()
    """The values of the path's parameters that make the path of another route, as `requeue` for /jobs/{job}."""

    def matches(self, scope: Asked) -> tuple[Match, Asked]:
        """As of any route; but not where the path is another route's, whatever the method."""
        found, child = super().matches(scope)
        if found is not Match.NONE and tuple(child["path_params"].values()) in self.others:
            return Match.NONE, {}
        return found, child


def route(
    method: str,
    path: str,
    needed: Scope | None,
    handler: Handler,
    *parameters: str,
    by: type[Grant] | None = None,
    many: tuple[str, ...] = (),
) -> Served:
    """`handler` at `path`, for callers of the scope `needed` (None: for everybody) and for grants of the kind `by`. A
    query parameter that is not among `parameters` is an error that names it. Those in `many` may be given several
    times: the handler reads them itself."""
    known = (*parameters, IN_QUERY) if by else parameters
    name = f"{method} {path}"

    async def endpoint(request: Request) -> Any:
        web: Web = request.app.state.web
        tally = tally_of(request.scope)
        tally.route, tally.names, tally.reads = name, request.path_params, method in READING or needed is Scope.READ
        refuse_long_query(request, PARAMETERS_MAX + (STREAM_JOBS_MAX if many else 0))
        caller = admit(web, request, needed, by)
        query = read_query(request, known, many)
        query.pop(IN_QUERY, None)
        tally.query = query
        return await handler(Call(web, request, query, caller, base_of(web, request)))

    served = Served(path, endpoint, methods=[method])
    served.needs, served.by, served.parameters, served.title = needed, by, known, name
    return served


def keep_apart(routes: Sequence[Served]) -> None:
    """A path without parameters is never that of a route with some, so a wrong method is a 405."""
    plain = [route.path for route in routes if "{" not in route.path]
    for route in routes:
        if "{" in route.path:
            found = (route.path_regex.match(path) for path in plain)
            route.others = frozenset(each.groups() for each in found if each)


def refuse_long_query(request: Request, most: int = PARAMETERS_MAX) -> None:
    """Raises LimitExceeded for a query that is too long, before it is parsed."""
    query: bytes = request.scope["query_string"]
    if (count := query.count(b"&") + 1) > most:
        raise LimitExceeded("bad_parameter", "parameters_max", most, count)


def grant_query(web: Web, grant: Grant) -> str:
    """The query that carries `grant`."""
    return f"?{IN_QUERY}={sign(web.grant_secrets[0], grant)}"


def read_query(request: Request, parameters: tuple[str, ...], many: tuple[str, ...] = ()) -> dict[str, str]:
    """The query, each parameter once but those in `many`. Raises ClientFault `bad_parameter`."""
    query: dict[str, str] = {}
    for name, value in request.query_params.multi_items():
        if name not in parameters:
            known = f"use {', '.join(parameters)}" if parameters else "there are none here"
            raise bad_parameter(name, f"there is no query parameter {name!r}: {known}")
        if name in query and name not in many:
            raise bad_parameter(name, f"the query parameter {name!r} is given twice")
        query[name] = value
    return query


async def read_body(request: Request, limit: str, most: int) -> bytes:
    """The whole body of a small request. Raises as body.stream does."""
    read = bytearray()
    await body.stream(request, read.extend, limit, most)
    return bytes(read)


async def read_job(web: Web, job: str) -> Row | None:
    """The row of a job, whoever may see it."""
    return await web.reads.quick.do(lambda ledger: ledger.job(job))


async def find_job(web: Web, caller: Caller, job: str) -> Row | None:
    """The row of a job, if it is one that the caller sees."""
    row = await read_job(web, job) if ids.is_id(job) else None
    return row if row and caller.may_see(row.tenant, row.id) else None


def flag(query: dict[str, str], name: str) -> bool:
    """A yes-or-no parameter: 1 or true, 0 or false, absent is no."""
    value = query.get(name, "0")
    if value not in ("0", "1", "false", "true"):
        raise bad_parameter(name, f"{name} is 1 or 0, not {value!r}")
    return value in ("1", "true")


def seconds(query: dict[str, str], name: str, most: float) -> float:
    """A number of seconds, at most `most` (more is cut: the answer then comes sooner, as it says)."""
    value = query.get(name, "0")
    try:
        number = float(value)
    except ValueError:
        number = -1.0
    if not 0 <= number < float("inf"):
        raise bad_parameter(name, f"{name} is a number of seconds, not {value!r}")
    return min(number, most)
