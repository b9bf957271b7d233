"""A TCP proxy between a client and a server: it counts round trips, and cuts a connection at a given place.

Runs in threads. Owns where it cuts: before the client's bytes reach the server, or after that and before the answer.
"""

import contextlib
import select
import socket
import threading


class Proxy:
    """Passes bytes on between its `port` and the server at `to` (a port of this machine), until it is closed."""

    def __init__(self, to: int) -> None:
        self.to = to
        """The port that new connections go to."""
        self._listener = socket.create_server(("127.0.0.1", 0))
        self.port: int = self._listener.getsockname()[1]
        self.round_trips = 0
        """How often the client sent something after the server's last answer."""
        self._cut = ""
        self.was_cut = threading.Event()
        threading.Thread(target=self._serve, daemon=True).start()

    def cut_before_request(self) -> None:
        """End the connection when the client sends the next time; the server gets nothing of it."""
        self._cut = "request"

    def cut_before_answer(self) -> None:
        """Pass on what the client sends next, and end the connection instead of the answer."""
        self._cut = "answer"

    def close(self) -> None:
        """End it and its connections."""
        with contextlib.suppress(OSError):
            self._listener.shutdown(socket.SHUT_RDWR)
        self._listener.close()

    def _serve(self) -> None:
        while True:
            try:
                client, _ = self._listener.accept()
            except OSError:
                return
            threading.Thread(target=self._carry, args=(client,), daemon=True).start()

    def _carry(self, client: socket.socket) -> None:
        with contextlib.suppress(OSError), client, socket.create_connection(("127.0.0.1", self.to)) as server:
            answered = True
            while True:
                for source in select.select([client, server], [], [])[0]:
                    data = source.recv(1 << 16)
                    if not data or self._cuts(source is server):
                        return
                    if source is client:
                        self.round_trips += answered
                    answered = source is server
                    (client if answered else server).sendall(data)

    def _cuts(self, is_answer: bool) -> bool:
        if self._cut != ("answer" if is_answer else "request"):
            return False
        self._cut = ""
        self.was_cut.set()
        return True
