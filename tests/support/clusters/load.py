"""Clients that upload all the time, and remember each 202 as a promise to be checked.

Each upload has an Idempotency-Key. After a dropped connection or a 503 it is repeated on a fresh connection. A
connection that is not accepted is counted in `unconnected`.
"""

import http.client
import itertools
import json
import secrets
import time
from pathlib import Path
from typing import Any
from urllib.parse import quote, urlsplit

from pixmill.pictures import RECIPE, numbered
from tests.support.clusters.beside import Beside
from tests.support.clusters.cluster import Cluster

REPEAT_SECONDS = 0.05
CONNECT_SECONDS = 10.0
UPLOAD_SECONDS_MAX = 30.0
"""Limit from an upload's first try to its 202, also if processes are killed meanwhile."""
SIDE = 512
"""The side of the load's pictures in pixels: each takes some milliseconds."""
Figures = dict[str, Any]
Job = dict[str, Any]


class Load(Beside):
    """`clients` threads that upload `image` to `path` while the `with` block runs.

    `pause`: the seconds between the uploads of one client. `distinct`: no two uploads have equal bytes. At the end of
    the block each begun upload is repeated until its 202.
    """

    def __init__(
        self,
        url: str,
        image: Path,
        path: str = "/upload?preset=avatar",
        clients: int = 3,
        pause: float = 0.1,
        *,
        distinct: bool = False,
    ) -> None:
        super().__init__(self._upload_on, clients)
        self.accepted: list[str] = []
        self.unconnected: list[str] = []
        self.unexpected: list[str] = []
        self.repeated = 0
        self.seconds_max = 0.0
        """Of all uploads, from the first try to the 202."""
        self._address, self._path, self._pause = urlsplit(url), path, pause
        self._image, self._distinct = image.read_bytes(), distinct
        self._numbers = itertools.count()

    def check(self) -> None:
        """Raises AssertionError if a connection was refused, or an answer was wrong."""
        assert not self.unconnected, f"{len(self.unconnected)} new connections failed: {self.unconnected[:3]}"
        assert not self.unexpected, f"{len(self.unexpected)} unexpected: {self.unexpected[:3]}"
        assert len(set(self.accepted)) == len(self.accepted), "two keys were answered with one job"

    def _upload_on(self) -> None:
        while not self.over.is_set():
            self._upload(f"load-{next(self._numbers)}-{secrets.token_hex(4)}")
            self.over.wait(self._pause)

    def _upload(self, key: str) -> None:
        began = time.monotonic()
        until = began + UPLOAD_SECONDS_MAX
        while not self._try(key):
            if time.monotonic() > until:
                self.unexpected.append(f"{key} got no 202 within {UPLOAD_SECONDS_MAX} s")
                return
            self.repeated += 1
            time.sleep(REPEAT_SECONDS)
        self.seconds_max = max(self.seconds_max, time.monotonic() - began)

    def _try(self, key: str) -> bool:
        """Try once, on a connection of its own. Returns whether no further try is needed."""
        connection = http.client.HTTPConnection(
            self._address.hostname or "", self._address.port, timeout=CONNECT_SECONDS
        )
        try:
            connection.connect()
        except OSError as error:
            self.unconnected.append(repr(error))
            return False
        try:
            headers = {"Content-Type": "image/jpeg", "Idempotency-Key": key}
            body = self._image + key.encode() if self._distinct else self._image
            connection.request("POST", self._path, body, headers)
            response = connection.getresponse()
            answer = response.read()
        except (OSError, http.client.HTTPException):
            return False
        finally:
            connection.close()
        if response.status == 202:
            self.accepted.append(json.loads(answer)["jobs"][0]["id"])
        elif response.status != 503:
            self.unexpected.append(f"{response.status} {answer[:200]!r}")
        return response.status != 503


def upload_on(cluster: Cluster, clients: int, pause: float, *, distinct: bool = False) -> Load:
    """Clients that upload one small picture over and over; `distinct`: with other bytes behind it each time."""
    picture = cluster.folder / "load.png"
    picture.write_bytes(numbered(1, SIDE))
    return Load(cluster.url, picture, f"/upload?recipe={quote(RECIPE)}", clients, pause, distinct=distinct)


def ended_jobs(cluster: Cluster, accepted: list[str]) -> list[Job]:
    """The jobs once they have ended, or as they are after 60 s without an end."""
    with cluster.client() as client:
        client.timeout = 70
        return [client.get(f"/jobs/{job}?wait=60").raise_for_status().json() for job in accepted]


def figures_of(load: Load, jobs: list[Job]) -> Figures:
    """The figures of requests and jobs that every scenario under load has."""
    events = [[entry["event"] for entry in job["timeline"]] for job in jobs]
    return {
        "uploads": len(load.accepted),
        "requests_failed": load.repeated + len(load.unconnected) + len(load.unexpected),
        "requests_refused": len(load.unconnected) + len(load.unexpected),
        "not_done": sum(job["state"] != "done" for job in jobs),
        "ended_twice": sum(each.count("ended") != 1 for each in events),
        "attempts_max": max(job["attempts"] for job in jobs),
    }
