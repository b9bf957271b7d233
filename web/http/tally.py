"""What is told of a request while it is answered, for whoever counts requests: its route, and the code of its problem.

Owns where that is in the request's scope. Counts nothing.
"""

from starlette.types import Scope

_KEY = "pixmill.tally"


class Tally:
    """What is known of one request so far: the template of its route, and the code of its problem."""

    __slots__ = ("code", "route")

    def __init__(self) -> None:
        self.route = self.code = ""


def begin(scope: Scope) -> Tally:
    """The tally of a request that begins. Copies of the scope share it."""
    tally = scope[_KEY] = Tally()
    return tally


def tell_route(scope: Scope, route: str) -> None:
    """The request is this route's. Nothing happens where nobody counts."""
    if (tally := scope.get(_KEY)) is not None:
        tally.route = route


def tell_code(scope: Scope, code: str) -> None:
    """The answer is the problem `code`."""
    if (tally := scope.get(_KEY)) is not None:
        tally.code = code
