"""What the client raises.

PixmillError
  Refused        the server understood and said no: `status`, `code` (stable), `detail`, `members`
  Unreachable    no promise could be had for as long as the client was patient
"""

from typing import Any


class PixmillError(Exception):
    """Anything that went wrong between this client and the server."""


class Unreachable(PixmillError):
    """The server did not answer, or only with 503, for as long as the client was patient."""


class Refused(PixmillError):
    """The server's problem document (RFC 9457), or what stands for one where something else answered."""

    def __init__(self, status: int, problem: dict[str, Any]) -> None:
        self.status = status
        self.code = str(problem.get("code", "unknown"))
        self.detail = str(problem.get("detail") or problem.get("title") or f"HTTP status {status}")
        self.members = problem
        super().__init__(f"{self.detail} ({self.code})")
