"""The clients of a run: threads that upload until their 202, and a log of what they were promised. Knows no host."""

import http.client
import json
import secrets
import threading
import time
from contextlib import suppress
from typing import Any, NamedTuple
from urllib.parse import quote

from pixmill.pictures import RECIPE, numbered
from tests.support.clusters.beside import Beside

CLIENTS = 4
WEB_PORT = 3000
TRY_SECONDS = 3.0
"""Of one try of a client: a connection that was cut says nothing for longer."""
PAUSE_SECONDS = 0.1
SIDE = 256


class Promise(NamedTuple):
    """A 202: the job, and the wall time at which the client had it."""

    job: str
    at: float


class Clients(Beside):
    """Threads that upload one numbered picture after the other, each under a key and until its 202."""

    def __init__(self, address: str) -> None:
        super().__init__(self._upload_on, CLIENTS)
        self._address = address
        self._lock = threading.Lock()
        self.promises: list[Promise] = []
        self.unexpected: list[int] = []

    def _upload_on(self) -> None:
        while not self.over.is_set():
            key = secrets.token_hex(8)
            while not (done := self._try(key)) and not self.over.is_set():
                self.over.wait(PAUSE_SECONDS)
            if done:
                self.over.wait(PAUSE_SECONDS)

    def _try(self, key: str) -> bool:
        headers = {"Content-Type": "image/png", "Idempotency-Key": key}
        with suppress(OSError, http.client.HTTPException):
            status, answer = asked(
                self._address, "POST", f"/upload?recipe={quote(RECIPE)}", numbered(int(key[:6], 16), SIDE), headers
            )
            with self._lock:
                if status == 202:
                    self.promises.append(Promise(answer["id"], time.time()))
                elif status != 503:
                    self.unexpected.append(status)
            return status == 202
        return False


def asked(address: str, method: str, path: str, body: bytes = b"", headers: Any = None) -> tuple[int, Any]:
    """Status and JSON of one request on a connection of its own. Raises OSError and HTTPException."""
    connection = http.client.HTTPConnection(address, WEB_PORT, timeout=TRY_SECONDS)
    try:
        connection.request(method, path, body, headers or {})
        response = connection.getresponse()
        return response.status, json.loads(response.read())
    finally:
        connection.close()
