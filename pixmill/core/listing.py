"""All jobs that match, from one streamed answer (NDJSON): bytes in, jobs out. Owns no connection.

A stream that is lost is opened again behind the last job that came whole.
"""

import json

from pixmill.core.answers import Job
from pixmill.core.fields import Filters, filters
from pixmill.core.reading import Unread, read
from pixmill.core.requests import Request, Response
from pixmill.core.trying import not_pixmill

MEDIA_TYPE = "application/x-ndjson"


class Listing:
    """One reader of the jobs of `asked`, at most `limit` (None: all). `over`: the answer has ended, and is whole."""

    def __init__(self, asked: Filters, limit: int | None, url: str) -> None:
        self._asked, self._left, self._url = asked, limit, url
        self._rest = b""
        self._last: str | None = None
        self.over = limit == 0

    def request(self) -> Request:
        """The request of the next connection."""
        self._rest, self.over = b"", True
        limit = None if self._left is None else str(self._left)
        query = filters(self._asked, limit=limit, after=self._last)
        return Request("GET", "/jobs", query, {"Accept": MEDIA_TYPE}, stream=True)

    def opened(self, response: Response) -> None:
        """An answer begins. Raises Refused if it is no list by lines."""
        if not response.headers.get("content-type", "").startswith(MEDIA_TYPE):
            raise not_pixmill(response, self._url)

    def received(self, data: bytes) -> list[Job]:
        """The jobs that are whole with these bytes. An empty line only says that the server goes on. Raises Refused for
        what is none."""
        *lines, self._rest = (self._rest + data).split(b"\n")
        try:
            jobs = [read(Job, json.loads(line)) for line in lines if line]
        except (ValueError, Unread):
            raise not_pixmill(Response(200, {}, None, self._url), self._url) from None
        if jobs:
            self._last = jobs[-1].id
        if self._left is not None:
            self._left -= len(jobs)
        return jobs

    def lost(self) -> None:
        """The connection ended before the answer did."""
        self.over = self._left == 0
