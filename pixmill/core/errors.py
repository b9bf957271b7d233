"""What the client raises.

PixmillError       `code`, `detail`, `field`, `retry_after`
  Unreachable      no answer, or only 502, 503 and 504, for as long as the client was patient
  Refused          the server understood and said no: `status` and `members` beside them
    NoAccess       401 and 403: the key or the grant is missing, wrong or too weak
    NotFound       404: no such job, or it is another tenant's
    Conflict       409: the job's state does not allow it
    RateLimited    429: still over a rate after the client has waited for its turn
"""

from collections.abc import Mapping
from typing import Any


class PixmillError(Exception):
    """Anything that went wrong between this client and the server.

    `code` is stable, and the server's if it gave one. `detail` is a sentence. `field` is the parameter or the place in
    a recipe that is at fault, if one is. `retry_after` is the seconds that the server asks to wait, if it does.
    """

    def __init__(
        self, detail: str, *, code: str = "unknown", field: str | None = None, retry_after: float | None = None
    ) -> None:
        self.detail, self.code, self.field, self.retry_after = detail, code, field, retry_after
        super().__init__(detail)


class Unreachable(PixmillError):
    """The server did not answer, or only with 503, for as long as the client was patient. The request may be done all
    the same: an upload is repeated safely under the same key."""


class Refused(PixmillError):
    """The server's problem document (RFC 9457), or what stands for one where something else answered."""

    def __init__(self, status: int, problem: Mapping[str, Any], retry_after: float | None = None) -> None:
        code = str(problem.get("code", "unknown"))
        detail = str(problem.get("detail") or problem.get("title") or f"HTTP status {status}")
        named = problem.get("parameter", problem.get("path"))
        super().__init__(detail, code=code, field=None if named is None else str(named), retry_after=retry_after)
        self.status = status
        self.members = problem

    def __str__(self) -> str:
        return f"{self.detail} ({self.code})"

    def __reduce__(self) -> tuple[Any, ...]:
        return type(self), (self.status, self.members, self.retry_after)


class NoAccess(Refused):
    """The key or grant is missing, wrong, used up or too weak."""


class NotFound(Refused):
    """There is no such job, rendition or address for this caller."""


class Conflict(Refused):
    """The job's state does not allow it."""


class RateLimited(Refused):
    """Over a rate, although the client has waited for its turn."""


_BY_STATUS: dict[int, type[Refused]] = {401: NoAccess, 403: NoAccess, 404: NotFound, 409: Conflict, 429: RateLimited}


def refusal(status: int, problem: Mapping[str, Any], retry_after: float | None = None) -> Refused:
    """The error of an answer with this status."""
    return _BY_STATUS.get(status, Refused)(status, problem, retry_after)
