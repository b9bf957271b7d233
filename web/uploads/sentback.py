"""The answer to a plain form that has the field `redirect`: a 303 to that address, with what became of the upload.

Owns which addresses are taken: those of the origins in CORS_ORIGINS. Everywhere else a link to us could send people on
to any site, in our name. Knows no body and no store.
"""

from urllib.parse import parse_qsl, urlencode, urlsplit, urlunsplit

from starlette.responses import Response

from host.settings.settings import cors_origins
from jobs.errors import PixmillError
from jobs.limits import REDIRECT_CHARACTERS_MAX
from jobs.requests.texts import bad_parameter
from web.access.call import Call
from web.access.guard import origin_of

REDIRECT = "redirect"


class SentBack:
    """The address to which the browser is sent, once the form has told one; `address` is None before, and if it is
    refused."""

    def __init__(self, call: Call) -> None:
        self.address: str | None = None
        self._origins = frozenset(cors_origins(call.web.settings))

    def learn(self, address: str | None) -> None:
        """The field `redirect` of a form that is refused anyhow."""
        self.address = address if address is not None and self._is_taken(address) else None

    def take(self, address: str | None) -> None:
        """The field `redirect` of a form. Raises ClientFault for an address that is not taken."""
        self.learn(address)
        if address != self.address:
            raise bad_parameter(REDIRECT, "redirect is the address of a page at an origin of PIXMILL_CORS_ORIGINS")

    def accepted(self, kind: str, name: str, status_url: str) -> Response:
        """The answer for promised jobs: `name` is the id of the one `job`, or of the `batch`."""
        return self._to({kind: name, "status_url": status_url})

    def refused(self, fault: PixmillError) -> Response:
        """The answer for a form that was refused."""
        return self._to({"code": fault.code, "detail": fault.detail})

    def _to(self, told: dict[str, str]) -> Response:
        assert self.address is not None
        parts = urlsplit(self.address)
        kept = [(name, value) for name, value in parse_qsl(parts.query, keep_blank_values=True) if name not in _TOLD]
        query = urlencode([*kept, *told.items()])
        headers = {"Location": urlunsplit(parts._replace(query=query)), "Cache-Control": "no-store"}
        return Response(status_code=303, headers=headers)

    def _is_taken(self, address: str) -> bool:
        """Printable ASCII only. Browsers drop a line break and turn a backslash into a slash: they would then read
        another host than we do."""
        plain = len(address) <= REDIRECT_CHARACTERS_MAX and all("!" <= each <= "~" and each != "\\" for each in address)
        try:
            return plain and origin_of(address) in self._origins
        except ValueError:  # as of "http://["
            return False


_TOLD = frozenset({"job", "batch", "status_url", "code", "detail"})
"""The parameters that the answer adds. Those of the same name that the address had are dropped."""
