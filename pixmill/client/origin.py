"""The server that a client is for, and its API key, which goes nowhere else."""

import os
from collections.abc import Generator

import httpx2

DEFAULT_URL = "http://localhost:3000"
Origin = tuple[str, str, int]


class KeyOfOrigin(httpx2.Auth):
    """The API key, on requests to the one server that it is for."""

    def __init__(self, key: str, whose: Origin) -> None:
        if not (key.isascii() and key.isprintable()):
            raise ValueError("an API key has printable characters of ASCII only")
        self._header, self._origin = f"Bearer {key}", whose

    def auth_flow(self, request: httpx2.Request) -> Generator[httpx2.Request, httpx2.Response, None]:
        """httpx2 asks this of every request."""
        if origin(request.url) == self._origin:
            request.headers["Authorization"] = self._header
        yield request


class Server:
    """The address of a server and the key for it: as given, else from PIXMILL_URL and PIXMILL_API_KEY. Raises
    ValueError if one of them is malformed."""

    def __init__(self, url: str | None, api_key: str | None) -> None:
        self.url = (url or os.environ.get("PIXMILL_URL") or DEFAULT_URL).rstrip("/")
        self.origin = origin_of(self.url)
        key = api_key or os.environ.get("PIXMILL_API_KEY")
        self.auth = KeyOfOrigin(key, self.origin) if key else None


def origin(url: httpx2.URL) -> Origin:
    """Scheme, host and port: what a key belongs to."""
    return url.scheme, url.host, url.port or (443 if url.scheme == "https" else 80)


def origin_of(text: str) -> Origin:
    """The origin of a server's address. Raises ValueError where it is none."""
    try:
        url = httpx2.URL(text)
    except httpx2.InvalidURL as error:
        raise ValueError(f"{text!r} is no address of a server: {error}") from None
    if url.scheme not in ("http", "https") or not url.host:
        raise ValueError(f"{text!r} is no address of a server: it is written as {DEFAULT_URL}")
    return origin(url)
