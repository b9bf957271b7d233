"""What is told of a request while it is answered, for whoever counts or logs requests.

Owns where that is in the request's scope, and the id of a request. Counts nothing and logs nothing.
"""

import re
import secrets
import time
from collections.abc import Mapping

from starlette.types import Scope

REQUEST_ID = b"x-request-id"
READING = frozenset({"GET", "HEAD", "OPTIONS"})
_KEY = "pixmill.tally"
_ID = re.compile(rb"[A-Za-z0-9._-]{1,128}")


class Tally:
    """What is known of one request so far. `route`: the template of its path, `code`: of its problem, `id`: its request
    id, `tenant` and `key` (first digits of its digest): the caller, `names`: of what the path names (job, batch),
    `query`: its parameters without a grant, `reads`: whether it changes nothing, `told`: its change is a line of the
    log already. `began` is in monotonic seconds."""

    __slots__ = ("began", "code", "id", "key", "names", "query", "reads", "route", "tenant", "told")

    def __init__(self, id: str = "", reads: bool = False) -> None:
        self.route = self.code = self.tenant = self.key = ""
        self.id, self.reads, self.told = id, reads, False
        self.names: Mapping[str, str] = {}
        self.query: Mapping[str, str] = {}
        self.began = time.monotonic()

    @property
    def ms(self) -> int:
        """Milliseconds since the request began."""
        return round((time.monotonic() - self.began) * 1000)


def begin(scope: Scope) -> Tally:
    """The tally of a request that begins, or has begun already. Copies of the scope share it."""
    tally: Tally | None = scope.get(_KEY)
    if tally is None:
        tally = scope[_KEY] = Tally(request_id(scope["headers"]), scope["method"] in READING)
    return tally


def tally_of(scope: Scope) -> Tally:
    """The tally of a request; one that nobody reads where nobody counts."""
    return scope.get(_KEY) or Tally()


def tell_route(scope: Scope, route: str) -> None:
    """The request is this route's. Nothing happens where nobody counts."""
    tally_of(scope).route = route


def tell_code(scope: Scope, code: str) -> None:
    """The answer is the problem `code`."""
    tally_of(scope).code = code


def tell_caller(scope: Scope, tenant: str, key: str) -> None:
    """The request is this caller's."""
    tally = tally_of(scope)
    tally.tenant, tally.key = tenant, key


def request_id(headers: list[tuple[bytes, bytes]]) -> str:
    """The id that the request brings in one X-Request-ID of 1 to 128 letters, digits and `._-`; else a new one."""
    given = [value for name, value in headers if name == REQUEST_ID]
    return given[0].decode() if len(given) == 1 and _ID.fullmatch(given[0]) else fresh_id()


def fresh_id() -> str:
    """A new id of a request."""
    return secrets.token_hex(8)
