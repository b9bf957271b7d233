"""The proxy through which everything goes to strangers, if EGRESS_PROXY names one. Pure."""

import base64
from dataclasses import dataclass
from urllib.parse import unquote, urlsplit


@dataclass(frozen=True, slots=True)
class Proxy:
    """EGRESS_PROXY: where it listens, and the header that it wants."""

    host: str
    port: int
    header: bytes


def parse_proxy(text: str) -> Proxy | None:
    """The proxy of EGRESS_PROXY, http://[USER:PASSWORD@]HOST:PORT. Raises ValueError, without the text: it may hold a
    password."""
    if not text:
        return None
    wrong = ValueError("must be empty, or as http://HOST:PORT or http://USER:PASSWORD@HOST:PORT")
    try:
        parts = urlsplit(text)
        host, port = parts.hostname, parts.port
    except ValueError:
        raise wrong from None
    if parts.scheme != "http" or not host or not port or parts.path.strip("/") or parts.query:
        raise wrong
    user = f"{unquote(parts.username)}:{unquote(parts.password or '')}" if parts.username else ""
    header = f"Proxy-Authorization: Basic {base64.b64encode(user.encode()).decode()}\r\n" if user else ""
    return Proxy(host, port, header.encode())
