"""Who may speak between machines: CURVE keys, and the door that knows whose are allowed (ZeroMQ's ZAP, RFC 27).

Owns DATA/curve. The one shared file that knows ZeroMQ: a broker and its peers must agree here to the letter.

    broker.key  broker.secret   the broker's; peers hold its key alone
    client.key  client.secret   what web processes and workers of this machine show
    allowed/NAME.key            who is let in; a key put here counts at once, one removed at the broker's next start
"""

import logging
import os
from pathlib import Path
from typing import Any

import zmq
from zmq.utils import z85

from jobs.errors import SetupFault

DOMAIN = b"pixmill"
ZAP = "inproc://zeromq.zap.01"
STRANGERS_NAMED_MAX = 1000
"""In the log; each once."""


def make_keys(folder: Path, peer: str = "") -> Path:
    """The broker's keys in `folder` and those of this machine's processes, where they are missing; or those of another
    machine, called `peer`: the folder to be copied there, as its DATA/curve. Raises SetupFault."""
    try:
        _make_pair(folder, "broker")
        if not peer:
            _allow(folder, "local", _make_pair(folder, "client"))
            return folder
        _allow(folder, peer, _make_pair(folder / peer, "client"))
        _write(folder / peer / "broker.key", (folder / "broker.key").read_bytes())
    except OSError as error:
        raise SetupFault(f"no keys can be made in {folder} ({error.strerror}): let this user write there") from None
    return folder / peer


class Server:
    """The broker's side. It must be made before any bind, and `answer` called whenever `questions` can be read: until
    then whoever comes waits outside. Without it, with the domain enforced, nobody is let in."""

    def __init__(self, context: "zmq.Context[Any]", folder: Path, log: logging.Logger) -> None:
        self._folder, self._log = folder, log
        self._key, self._secret = _read(folder, "broker.key"), _read(folder, "broker.secret")
        self._allowed = _allowed(folder)
        self._named: set[bytes] = set()
        self.refused = 0
        self.questions: Any = context.socket(zmq.REP)
        self.questions.linger = 0
        self.questions.bind(ZAP)

    def dress(self, socket: Any) -> None:
        """Let `socket` take allowed keys only. Before its bind."""
        socket.zap_domain, socket.zap_enforce_domain = DOMAIN, True
        socket.curve_publickey, socket.curve_secretkey, socket.curve_server = self._key, self._secret, True

    def answer(self) -> None:
        """Let in, or not, all who are waiting."""
        while self.questions.poll(0):
            version, request, domain, address, _identity, mechanism, *shown = self.questions.recv_multipart()
            key = z85.encode(shown[0]) if mechanism == b"CURVE" and shown else b""
            if domain == DOMAIN and self._knows(key):
                self.questions.send_multipart([version, request, b"200", b"OK", key, b""])
            else:
                self._refuse(key, address)
                self.questions.send_multipart([version, request, b"400", b"not allowed", b"", b""])

    def _knows(self, key: bytes) -> bool:
        if key not in self._allowed:
            self._allowed |= _allowed(self._folder)
        return key in self._allowed

    def _refuse(self, key: bytes, address: bytes) -> None:
        self.refused += 1
        if key not in self._named and len(self._named) < STRANGERS_NAMED_MAX:
            self._named.add(key)
            extra = {"key": key.decode(), "address": address.decode(errors="replace")}
            self._log.warning("stranger refused", extra=extra)


class Client:
    """The side of a web process or worker."""

    def __init__(self, folder: Path) -> None:
        self._broker = _read(folder, "broker.key")
        self.key, self._secret = _read(folder, "client.key"), _read(folder, "client.secret")

    def dress(self, socket: Any) -> None:
        """Let `socket` speak to the broker alone, and show our key. Before its connect."""
        socket.curve_serverkey = self._broker
        socket.curve_publickey, socket.curve_secretkey = self.key, self._secret


REASONS: dict[int, str] = {
    zmq.EVENT_HANDSHAKE_FAILED_AUTH: "the broker does not allow our key: put client.key into its curve/allowed",
    zmq.EVENT_HANDSHAKE_FAILED_PROTOCOL: "one side speaks CURVE and the other does not: set PIXMILL_CURVE alike",
    zmq.EVENT_HANDSHAKE_FAILED_NO_DETAIL: "no handshake came about: broker.key here must be the broker's own",
}
REFUSED = zmq.EVENT_HANDSHAKE_FAILED_AUTH | zmq.EVENT_HANDSHAKE_FAILED_PROTOCOL | zmq.EVENT_HANDSHAKE_FAILED_NO_DETAIL
"""What a monitor of a client's socket tells: to the socket itself a refusal is silence."""


class Refusals:
    """Says once, in words, that the broker does not let us in."""

    def __init__(self, log: logging.Logger) -> None:
        self._log = log
        self._said: set[int] = set()

    def tell(self, event: int) -> None:
        """A monitor saw one of REFUSED."""
        if event not in self._said:
            self._said.add(event)
            self._log.error("refused by the broker", extra={"why": REASONS[event]})


def _allowed(folder: Path) -> set[bytes]:
    return {path.read_bytes().strip() for path in (folder / "allowed").glob("*.key")}


def _read(folder: Path, name: str) -> bytes:
    try:
        if folder.stat().st_mode & 0o077:
            raise SetupFault(f"others may look into {folder}, which holds secret keys: chmod 700 it")
        key = (folder / name).read_bytes().strip()
    except OSError:
        raise SetupFault(
            f"there is no {folder / name}: run python -m broker keys, or copy what python -m broker keys NAME made "
            "there; PIXMILL_CURVE=0 does without, where everyone who can reach the broker may command it"
        ) from None
    if len(key) != 40:
        raise SetupFault(f"{folder / name} holds no key: remove it, and run python -m broker keys")
    return key


def _make_pair(folder: Path, name: str) -> bytes:
    """The public key."""
    folder.mkdir(mode=0o700, parents=True, exist_ok=True)
    if not (folder / f"{name}.secret").exists():
        public, secret = zmq.curve_keypair()
        _write(folder / f"{name}.key", public)
        _write(folder / f"{name}.secret", secret)
    return (folder / f"{name}.key").read_bytes()


def _allow(folder: Path, name: str, key: bytes) -> None:
    (folder / "allowed").mkdir(mode=0o700, exist_ok=True)
    _write(folder / "allowed" / f"{name}.key", key)


def _write(path: Path, key: bytes) -> None:
    with os.fdopen(os.open(path, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600), "wb") as file:
        file.write(key)
