"""The clients of a chaos run: threads that upload numbered pictures, each POST under an Idempotency-Key that is
repeated until its 202, and a log of what they were promised.

Knows nothing of processes; an answer that no client should get is kept in `unexpected`.
"""

import http.client
import json
import random
import secrets
import threading
import time
from hashlib import sha256
from pathlib import Path
from typing import Any, Self
from urllib.parse import quote, urlsplit

import msgspec

from pixmill.pictures import RECIPE, SIDE, numbered
from tests.support.clusters.beside import Beside
from torture.chaos.plan import Pace

THREADS = 6
FILES_PER_POST = (1, 1, 5, 10, 20, 40)
TRY_SECONDS = 8.0
"""How long one try may take. Then the connection is dropped, and the POST is repeated."""
REPEAT_SECONDS = (0.02, 0.3)
AGAIN_SHARE = 0.05
"""This share of the POSTs is sent once more after its 202, and must get the same jobs."""
WAIT_SECONDS = 0.05
SLOW_SIDE, SLOW_SHARE = 3072, 0.05
"""The side of large pictures, and their share. Each keeps a decoder busy for tens of milliseconds, so that faults hit
running jobs."""


class Entry(msgspec.Struct):
    """One line of the log: a POST and the promise it got. Times are wall seconds.

    `number`: that of the first picture; the others follow it. `failures`: how the tries before the 202 ended. `again`:
    it was sent once more after its 202.
    """

    key: str
    number: int
    digests: list[str]
    ids: list[str]
    sent_at: float
    accepted_at: float
    failures: list[str]
    again: bool = False


class Clients(Beside):
    """Threads that upload `pace.jobs` pictures at the `pace`, a `slow` share of them large; the log is at `path`."""

    def __init__(self, url: str, pace: Pace, seed: int, path: Path, slow: float) -> None:
        super().__init__(self._upload_on, THREADS)
        self.unexpected: list[str] = []
        self._address, self._pace, self._path = urlsplit(url), pace, path
        self._drawn, self._slow = random.Random(seed), slow
        self._lock = threading.Lock()
        self._next = 0

    def __enter__(self) -> Self:
        self._log = self._path.open("wb")
        return super().__enter__()

    def __exit__(self, *_: object) -> None:
        super().__exit__()
        self._log.close()

    def _upload_on(self) -> None:
        connection = Connection(self._address.hostname or "", self._address.port or 80)
        while (post := self._draw()) and not self.over.is_set():
            number, files, again = post
            pictures = [self._picture(each) for each in range(number, number + files)]
            key = f"{secrets.token_hex(8)}-{number}"
            self._post(connection, key, number, pictures, again=False)
            if again:
                self._post(connection, key, number, pictures, again=True)
        connection.close()

    def _picture(self, number: int) -> bytes:
        return numbered(number, SLOW_SIDE if random.Random(number).random() < self._slow else SIDE)

    def _draw(self) -> tuple[int, int, bool] | None:
        """The next POST: first number, files, whether to send it again. None: all are taken."""
        while not self.over.is_set():
            with self._lock:
                if self._next >= self._pace.jobs:
                    return None
                if self._pace.may_send():
                    number, files = self._next, self._drawn.choice(FILES_PER_POST)
                    self._next = self._pace.sent = min(number + files, self._pace.jobs)
                    return number, self._next - number, self._drawn.random() < AGAIN_SHARE
            self.over.wait(WAIT_SECONDS)
        return None

    def _post(self, connection: "Connection", key: str, number: int, pictures: list[bytes], *, again: bool) -> None:
        sent_at, failures = time.time(), list[str]()
        while not self.over.is_set():
            status, answer = connection.post(key, pictures)
            if status == 202:
                ids = [job["id"] for job in answer["jobs"]]
                digests = [sha256(picture).hexdigest() for picture in pictures]
                entry = Entry(key, number, digests, ids, sent_at, time.time(), failures, again)
                with self._lock:
                    self._log.write(msgspec.json.encode(entry) + b"\n")
                    self._log.flush()
                return
            failures.append(f"{status} {answer.get('code', '')}".strip())
            if status not in (0, 503):
                self.unexpected.append(f"{key}: {status} {answer}")
            self.over.wait(random.uniform(*REPEAT_SECONDS))


class Connection:
    """One kept connection, opened anew after any failure."""

    def __init__(self, host: str, port: int) -> None:
        self._connection = http.client.HTTPConnection(host, port, timeout=TRY_SECONDS)

    def post(self, key: str, pictures: list[bytes]) -> tuple[int, dict[str, Any]]:
        """Upload once. Returns the status (0: the connection failed) and the answer's JSON."""
        path, kind, body = _request(pictures)
        try:
            self._connection.request("POST", path, body, {"Content-Type": kind, "Idempotency-Key": key})
            response = self._connection.getresponse()
            return response.status, json.loads(response.read())
        except (OSError, http.client.HTTPException, ValueError) as error:
            self._connection.close()
            return 0, {"code": type(error).__name__}

    def close(self) -> None:
        self._connection.close()


def _request(pictures: list[bytes]) -> tuple[str, str, bytes]:
    """(path, content type, body): one picture is the body itself, several are a form."""
    if len(pictures) == 1:
        return f"/upload?recipe={quote(RECIPE)}", "image/png", pictures[0]
    boundary = "pixmill-chaos"
    head = f'--{boundary}\r\nContent-Disposition: form-data; name="recipe"\r\n\r\n{RECIPE}\r\n'.encode()
    part = f'--{boundary}\r\nContent-Disposition: form-data; name="image"; filename="n.png"\r\n\r\n'.encode()
    body = head + b"".join(part + picture + b"\r\n" for picture in pictures) + f"--{boundary}--\r\n".encode()
    return "/upload", f"multipart/form-data; boundary={boundary}", body


def read_log(path: Path) -> list[Entry]:
    """The log, whole lines only."""
    return [msgspec.json.decode(line, type=Entry) for line in path.read_bytes().splitlines() if line.endswith(b"}")]
