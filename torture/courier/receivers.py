"""Receivers of every hostile kind, each on a loopback address of its own, so that each is an endpoint of its own.

Hostile until `calm` is called: then they take everything, except for GONE, which never takes anything. Owns what each
kind does; judges nothing.
"""

import socket
import threading
from collections import Counter
from collections.abc import Callable

from tests.support.servers.stranger import Heard, Script, Stranger, answers, says

GONE = "gone"
HUGE_BYTES = 100 * 1024 * 1024
_ANSWER = answers("204 No Content")
_CUT = says(b"HTTP/1.1 200 OK\r\nContent-Le")


class Receivers:
    """All of them, listening. `victim` is where REDIRECT sends its callers: nobody may come. `slow_seconds`: how long
    the slow one takes for its answer."""

    def __init__(self, slow_seconds: float = 3.0) -> None:
        self._calm = False
        self._seconds = slow_seconds
        self._asked: Counter[str] = Counter()
        self._lock = threading.Lock()
        self.victim = Stranger(_ANSWER)
        scripts: dict[str, Script] = {
            "good": _ANSWER,
            "slow": self._slow,
            "failing": self._until_calm(answers("500 Oh")),
            "busy": self._first(answers("429 Too Many Requests", "Retry-After: 1")),
            "redirect": self._until_calm(answers("302 Found", f"Location: {self.victim.url}/")),
            "huge": self._huge,
            "cut": self._until_calm(_CUT),
            GONE: answers("410 Gone"),
        }
        hosts = {kind: f"127.0.1.{number}" for number, kind in enumerate([*scripts, "down"], 1)}
        self.servers = {kind: Stranger(script, hosts[kind]) for kind, script in scripts.items()}
        with socket.create_server((hosts["down"], 0)) as free:
            ports = {"down": free.getsockname()[1]}
        ports |= {kind: server.port for kind, server in self.servers.items()}
        self.addresses = {kind: f"{hosts[kind]}:{ports[kind]}" for kind in hosts}
        """Host and port of each kind."""

    def url(self, kind: str) -> str:
        """The address of a receiver."""
        return f"http://{self.addresses[kind]}/{kind}?key=secret"

    def calm(self) -> None:
        """All of them work from now on; the one that is down comes up."""
        self._calm = True
        host, _, port = self.addresses["down"].rpartition(":")
        self.servers["down"] = Stranger(_ANSWER, host, int(port))

    def heard(self) -> list[tuple[str, Heard]]:
        """All requests so far, each with the kind of receiver that got it."""
        return [(kind, heard) for kind, server in [*self.servers.items()] for heard in [*server.heard]]

    def close(self) -> None:
        """End them."""
        for server in (self.victim, *self.servers.values()):
            server.close()

    def _until_calm(self, hostile: Script) -> Script:
        return self._by(lambda _heard: not self._calm, hostile)

    def _first(self, hostile: Script) -> Script:
        """Hostile to the first attempt of each event."""

        def is_first(heard: Heard) -> bool:
            with self._lock:
                self._asked[heard.headers["webhook-id"]] += 1
                return self._asked[heard.headers["webhook-id"]] == 1 and not self._calm

        return self._by(is_first, hostile)

    def _by(self, is_hostile: Callable[[Heard], bool], hostile: Script) -> Script:
        def script(opened: socket.socket, heard: Heard, over: threading.Event) -> None:
            (hostile if is_hostile(heard) else _ANSWER)(opened, heard, over)

        return script

    def _slow(self, opened: socket.socket, heard: Heard, over: threading.Event) -> None:
        over.wait(0.0 if self._calm else self._seconds)
        _ANSWER(opened, heard, over)

    @staticmethod
    def _huge(opened: socket.socket, _heard: Heard, over: threading.Event) -> None:
        opened.sendall(f"HTTP/1.1 200 OK\r\nContent-Length: {HUGE_BYTES}\r\n\r\n".encode())
        zeros = bytes(65_536)
        for _ in range(HUGE_BYTES // len(zeros)):
            if over.is_set():
                return
            opened.sendall(zeros)
