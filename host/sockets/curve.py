"""Access between machines: CURVE keys, and the handler that knows the allowed ones (ZeroMQ's ZAP, RFC 27).

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

from host.process.launch import typed
from jobs.errors import SetupFault

DOMAIN = b"pixmill"
ZAP = "inproc://zeromq.zap.01"
STRANGERS_NAMED_MAX = 1000
"""Strangers' keys in the log, each once."""
ALLOWED_MAX = 1000
"""Allowed keys: one for each machine."""
ALLOWED_AGAIN_SECONDS = 1.0
"""Seconds between two readings of their folder if no file came or went: a file may be rewritten in place."""
ANSWERS_PER_TURN = 64
"""Connection attempts that a turn of the broker answers: each costs 20 us."""
KEY_CHARACTERS = 40


def make_keys(folder: Path, peer: str = "") -> Path:
    """Make the broker's keys and those of this machine's processes in `folder`, if they are missing. With `peer`, make
    those of another machine with this name; the returned folder is to be copied there, as its DATA/curve. Raises
    SetupFault."""
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
    """The broker's side. Make it before any bind, and call `answer` whenever `questions` can be read: until then new
    connections wait. Without it nobody is let in, because the domain is enforced."""

    def __init__(self, context: "zmq.Context[Any]", folder: Path, log: logging.Logger) -> None:
        self._log = log
        self._key, self._secret = _read(folder, "broker.key"), _read(folder, "broker.secret")
        self._allowed = Allowed(folder / "allowed", log)
        self._named: set[bytes] = set()
        self.refused = 0
        self.questions: Any = context.socket(zmq.REP)
        self.questions.linger = 0
        self.questions.bind(ZAP)

    def dress(self, socket: Any) -> None:
        """Let `socket` accept allowed keys only. Call it before its bind."""
        socket.zap_domain, socket.zap_enforce_domain = DOMAIN, True
        socket.curve_publickey, socket.curve_secretkey, socket.curve_server = self._key, self._secret, True

    def answer(self, now: float) -> None:
        """Accept or refuse waiting connections at monotonic time `now`: as many as a turn has time for."""
        for _ in range(ANSWERS_PER_TURN):
            if not self.questions.poll(0):
                return
            version, request, domain, address, _identity, mechanism, *shown = self.questions.recv_multipart()
            key = z85.encode(shown[0]) if mechanism == b"CURVE" and shown else b""
            if domain == DOMAIN and self._allowed.has(key, now):
                self.questions.send_multipart([version, request, b"200", b"OK", key, b""])
            else:
                self._refuse(key, address)
                self.questions.send_multipart([version, request, b"400", b"not allowed", b"", b""])

    def _refuse(self, key: bytes, address: bytes) -> None:
        self.refused += 1
        if key not in self._named and len(self._named) < STRANGERS_NAMED_MAX:
            self._named.add(key)
            extra = {"key": key.decode(), "address": address.decode(errors="replace")}
            self._log.warning("stranger refused", extra=extra)


class Allowed:
    """The keys in a folder's *.key files. A key that is added later counts at once. A file that cannot be read, or
    holds no key, is ignored and logged once: a person is at work there."""

    def __init__(self, folder: Path, log: logging.Logger) -> None:
        self._folder, self._log = folder, log
        self._keys: set[bytes] = set()
        self._said: set[str] = set()
        self._changed_at: int | None = None
        self._read_at = -ALLOWED_AGAIN_SECONDS
        self._read()

    def has(self, key: bytes, now: float) -> bool:
        """Whether the key is among them at monotonic time `now`. An unknown key costs a look at the folder's mtime."""
        if key not in self._keys and (now >= self._read_at + ALLOWED_AGAIN_SECONDS or self._changed_at != self._time()):
            self._read_at = now
            self._read()
        return key in self._keys

    def _time(self) -> int | None:
        """The time at which a file came or went last; None if it is unknown."""
        try:
            return self._folder.stat().st_mtime_ns
        except OSError:
            return None

    def _read(self) -> None:
        self._changed_at = self._time()
        try:
            names = sorted(name for name in os.listdir(self._folder) if name.endswith(".key"))
        except OSError as error:
            return self._say(str(self._folder), error.strerror or str(error))
        if len(names) > ALLOWED_MAX:
            self._say(str(self._folder), f"it has {len(names)} keys, allowed_max allows {ALLOWED_MAX}")
        for name in names[:ALLOWED_MAX]:
            try:
                self._keys.add(_key_in(self._folder / name))
            except (OSError, ValueError) as error:
                self._say(name, getattr(error, "strerror", None) or str(error))
        return None

    def _say(self, what: str, why: str) -> None:
        if what not in self._said and len(self._said) < STRANGERS_NAMED_MAX:
            self._said.add(what)
            self._log.warning("no key to let in", extra={"file": what, "why": why})


def _key_in(path: Path) -> bytes:
    """The key in a file. Raises OSError, and ValueError if it holds no key. Never blocks, not even on a pipe."""
    descriptor = os.open(path, os.O_RDONLY | os.O_NONBLOCK | os.O_CLOEXEC)
    try:
        key = os.read(descriptor, 2 * KEY_CHARACTERS).strip()
    finally:
        os.close(descriptor)
    if len(key) != KEY_CHARACTERS:
        raise ValueError("it holds no key")
    return key


class Client:
    """The side of a web process or worker."""

    def __init__(self, folder: Path) -> None:
        self._broker = _read(folder, "broker.key")
        self.key, self._secret = _read(folder, "client.key"), _read(folder, "client.secret")

    def dress(self, socket: Any) -> None:
        """Let `socket` speak to the broker alone, and show our key. Call it before its connect."""
        socket.curve_serverkey = self._broker
        socket.curve_publickey, socket.curve_secretkey = self.key, self._secret


REASONS: dict[int, str] = {
    zmq.EVENT_HANDSHAKE_FAILED_AUTH: "the broker does not allow our key: put client.key into its curve/allowed",
    zmq.EVENT_HANDSHAKE_FAILED_PROTOCOL: "one side speaks CURVE and the other does not: set PIXMILL_CURVE alike",
    zmq.EVENT_HANDSHAKE_FAILED_NO_DETAIL: "no handshake came about: broker.key here must be the broker's own",
}
REFUSED = zmq.EVENT_HANDSHAKE_FAILED_AUTH | zmq.EVENT_HANDSHAKE_FAILED_PROTOCOL | zmq.EVENT_HANDSHAKE_FAILED_NO_DETAIL
"""Events of a client socket's monitor. The socket itself does not learn of a refusal."""


class Refusals:
    """Logs once that the broker does not let us in."""

    def __init__(self, log: logging.Logger) -> None:
        self._log = log
        self._said: set[int] = set()

    def notify(self, event: int) -> None:
        """The monitor reported one of REFUSED."""
        if event not in self._said:
            self._said.add(event)
            self._log.error("refused by the broker", extra={"why": REASONS[event]})


def _read(folder: Path, name: str) -> bytes:
    try:
        if folder.stat().st_mode & 0o077:
            raise SetupFault(f"others may look into {folder}, which holds secret keys: chmod 700 it")
        key = (folder / name).read_bytes().strip()
    except OSError:
        raise SetupFault(
            f"there is no {folder / name}: run {typed('broker keys')}, or copy what {typed('broker keys NAME')} made "
            "there; PIXMILL_CURVE=0 does without, where everyone who can reach the broker may command it"
        ) from None
    if len(key) != KEY_CHARACTERS:
        raise SetupFault(f"{folder / name} holds no key: remove it, and run {typed('broker keys')}")
    return key


def _make_pair(folder: Path, name: str) -> bytes:
    """Make a key pair; returns the public key."""
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
