"""What each route does, answers and refuses, beyond what web/routes.py tells by itself.

docs/http.md, /openapi.json and /docs are made of it, and every answer of the unit tests of web is held to it. So a
status, a code, a field or a header that is not here fails the test that meets it.
"""

from jobs.access.keys import Scope
from web.access.call import Served
from web.api.codes import EVERYWHERE, KEYED
from web.api.of_jobs import JOBS
from web.api.of_service import SERVICE

ROUTES = {**JOBS, **SERVICE}
"""By `METHOD /path`, in the order of web/routes.py."""


def name_of(route: Served) -> str:
    """The route as `METHOD /path`."""
    method = next(method for method in sorted(route.methods or ()) if method != "HEAD")
    return f"{method} {route.path}"


def codes_of(name: str, needs: Scope | None) -> list[str]:
    """All codes of errors that the route `name` may answer with, if it `needs` this scope."""
    return list(dict.fromkeys([*EVERYWHERE.split(), *(KEYED.split() if needs else ()), *ROUTES[name].codes.split()]))
