"""Access between machines: CURVE keys, and the handler that knows the allowed ones (ZeroMQ's ZAP, RFC 27).

Owns DATA/curve. The one shared file that knows ZeroMQ: a broker and its peers must agree here to the letter.

    broker.key  broker.secret   the broker's; peers hold its key alone
    client.key  client.secret   what web processes and workers of this machine show
    allowed/                    who is let in, and as what (host/sockets/allowed.py)
"""

import logging
import os
from pathlib import Path
from typing import Any

import zmq
from zmq.utils import z85

from host.process.launch import typed
from host.sockets.allowed import KEY_CHARACTERS, SUFFIX, Allowed, Grant, Role, file_name, key_in, roles_of
from host.sockets.bound import DIGEST_CHARACTERS, fingerprint
from host.sockets.connections import CONNECTIONS_MAX, Connections
from jobs.errors import SetupFault

DOMAINS = {role: f"pixmill.{role}".encode() for role in Role}
"""The ZAP domain of the sockets that a role connects to: it tells the handler which of them somebody knocks at."""
_ROLES = {domain: role for role, domain in DOMAINS.items()}
ZAP = "inproc://zeromq.zap.01"
STRANGERS_NAMED_MAX = 1000
"""Strangers' keys in the log, each once."""
ANSWERS_PER_TURN = 64
"""Connection attempts that a turn of the broker answers: each costs 20 us."""


def make_keys(folder: Path, peer: str = "", role: Role | None = None) -> Path:
    """Make the broker's keys and those of this machine's processes in `folder`, if they are missing. With `peer`, make
    those of another machine with this name, for its processes of `role` (None: for all of them); the returned folder is
    to be copied there, as its DATA/curve. Raises SetupFault."""
    try:
        _make_pair(folder, "broker")
        if not peer:
            if not any((folder / "allowed" / file_name("local", each)).exists() for each in Role):
                _allow(folder, "local", _make_pair(folder, "client"))
            return folder
        _allow(folder, peer, _make_pair(folder / peer, "client"), role)
        _write(folder / peer / "broker.key", (folder / "broker.key").read_bytes())
    except OSError as error:
        raise SetupFault(f"no keys can be made in {folder} ({error.strerror}): let this user write there") from None
    return folder / peer


class Server:
    """The broker's side. Make it before any bind, and call `answer` whenever `questions` can be read: until then new
    connections wait. Without it nobody is let in, because the domain is enforced. `connections` counts them (None: they
    are not counted)."""

    def __init__(
        self,
        context: "zmq.Context[Any]",
        folder: Path,
        log: logging.Logger,
        connections: Connections | None = None,
    ) -> None:
        self._log, self._connections = log, connections
        self._key, self._secret = _read(folder, "broker.key"), _read(folder, "broker.secret")
        self._allowed = Allowed(folder / "allowed", log)
        self._named: set[tuple[bytes, Role | None]] = set()
        self._full: set[Grant] = set()
        self.refused = 0
        self.questions: Any = context.socket(zmq.REP)
        self.questions.linger = 0
        self.questions.bind(ZAP)

    def dress(self, socket: Any, role: Role) -> None:
        """Let `socket` accept the allowed keys of `role` only. Call it before its bind."""
        socket.zap_domain, socket.zap_enforce_domain = DOMAINS[role], True
        socket.curve_publickey, socket.curve_secretkey, socket.curve_server = self._key, self._secret, True

    def answer(self, now: float) -> None:
        """Accept or refuse waiting connections at monotonic time `now`: as many as a turn has time for."""
        for _ in range(ANSWERS_PER_TURN):
            if not self.questions.poll(0):
                return
            version, request, domain, address, _identity, mechanism, *shown = self.questions.recv_multipart()
            key = z85.encode(shown[0]) if mechanism == b"CURVE" and shown else b""
            role = _ROLES.get(domain)
            if role is not None and self._allowed.may(key, role, now):
                if self._has_room(key, role, address.decode(errors="replace"), now):
                    self.questions.send_multipart([version, request, b"200", b"OK", key, b""])
                else:
                    self.questions.send_multipart([version, request, b"300", b"too many connections", b"", b""])
            else:
                self._refuse(key, role, address)
                self.questions.send_multipart([version, request, b"400", b"not allowed", b"", b""])

    def _has_room(self, key: bytes, role: Role, address: str, now: float) -> bool:
        """Whether the key may have one more connection. If not, that is logged, once until it has room again."""
        if self._connections is None or self._connections.admit(key, role, address, now):
            self._full.discard((key, role))
            return True
        if (key, role) not in self._full:
            self._full.add((key, role))
            extra = {"fingerprint": fingerprint(key), "as": role, "address": address}
            self._log.warning("connections_full", extra=extra | {"connections_max": CONNECTIONS_MAX})
        return False

    def holds(self, key: bytes, role: Role) -> bool:
        """Whether the holder of `key`, who was let in once, may still be `role`."""
        return self._allowed.holds(key, role)

    def taken_back(self, now: float) -> set[Grant]:
        """The keys that were removed since the last time, at monotonic time `now`. Their connections remain: ZeroMQ
        ends none from here."""
        gone = self._allowed.taken_back(now)
        self._named -= gone
        return gone

    def _refuse(self, key: bytes, role: Role | None, address: bytes) -> None:
        self.refused += 1
        if (key, role) in self._named or len(self._named) >= STRANGERS_NAMED_MAX:
            return
        self._named.add((key, role))
        extra = {"key": key.decode(), "fingerprint": fingerprint(key), "as": role or ""}
        extra["address"] = address.decode(errors="replace")
        other = any(self._allowed.holds(key, each) for each in Role)
        if other:
            self._log.warning("other_role_refused", extra=extra)
        else:
            self._log.warning("stranger_refused", extra=extra)


class Client:
    """The side of a web process or worker."""

    def __init__(self, folder: Path) -> None:
        self._broker = _read(folder, "broker.key")
        self.key, self._secret = _read(folder, "client.key"), _read(folder, "client.secret")

    @property
    def fingerprint(self) -> str:
        """Of the key that we show."""
        return fingerprint(self.key)

    @property
    def broker_fingerprint(self) -> str:
        """Of the key that the broker must have."""
        return fingerprint(self._broker)

    def dress(self, socket: Any) -> None:
        """Let `socket` speak to the broker alone, and show our key. Call it before its connect."""
        socket.curve_serverkey = self._broker
        socket.curve_publickey, socket.curve_secretkey = self.key, self._secret


REASONS: dict[int, str] = {
    zmq.EVENT_HANDSHAKE_FAILED_AUTH: "the broker does not allow our key {ours}: put it into curve/allowed there",
    zmq.EVENT_HANDSHAKE_FAILED_PROTOCOL: "one side speaks CURVE and the other does not: set PIXMILL_CURVE alike",
    zmq.EVENT_HANDSHAKE_FAILED_NO_DETAIL: "no handshake came about: the broker's key must be {broker}, our broker.key",
}
WITHOUT_KEYS = "no handshake came about: the broker stands still, or speaks CURVE, and then set PIXMILL_CURVE alike"
REFUSED = zmq.EVENT_HANDSHAKE_FAILED_AUTH | zmq.EVENT_HANDSHAKE_FAILED_PROTOCOL | zmq.EVENT_HANDSHAKE_FAILED_NO_DETAIL
WATCHED = REFUSED | zmq.EVENT_HANDSHAKE_SUCCEEDED
"""Events of a client socket's monitor. The socket itself does not learn of a refusal."""


class Refusals:
    """Why the broker does not let us in (`why`, "" if it does). Logs each reason once, until the broker lets us in."""

    def __init__(self, log: logging.Logger, client: Client | None) -> None:
        self._log = log
        self._keys = {"ours": client.fingerprint, "broker": client.broker_fingerprint} if client else None
        self._said: set[int] = set()
        self.why = ""

    def notify(self, event: int) -> bool:
        """The monitor reported one of WATCHED. Returns whether `why` is another one now."""
        before = self.why
        self.why = self._reason(event) if event in REASONS else ""
        if not self.why:
            self._said.clear()
        elif event not in self._said:
            self._said.add(event)
            self._log.error("refused_by_broker", extra={"why": self.why})
        return self.why != before

    def _reason(self, event: int) -> str:
        return REASONS[event].format(**self._keys) if self._keys else WITHOUT_KEYS


def listing(folder: Path) -> list[str]:
    """A line for each public key in `folder`: its fingerprint, its file, and what its holder may be."""
    lines = []
    for path in [*sorted(folder.glob(f"*{SUFFIX}")), *sorted((folder / "allowed").glob(f"*{SUFFIX}"))]:
        roles = " and ".join(roles_of(path.name)) if path.parent != folder else ""
        try:
            lines.append(f"{fingerprint(key_in(path))}  {path.relative_to(folder)}  {roles}".rstrip())
        except (OSError, ValueError) as error:
            lines.append(f"{'no key':{DIGEST_CHARACTERS}}  {path.relative_to(folder)}  {error}")
    return lines


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


def _allow(folder: Path, name: str, key: bytes, role: Role | None = None) -> None:
    """Let in the machine's key, as `role` alone: a file that allows it as another is removed."""
    allowed = folder / "allowed"
    allowed.mkdir(mode=0o700, exist_ok=True)
    chosen = file_name(name, role)
    _write(allowed / chosen, key)
    for other in {file_name(name, each) for each in (None, *Role)} - {chosen}:
        (allowed / other).unlink(missing_ok=True)


def _write(path: Path, key: bytes) -> None:
    with os.fdopen(os.open(path, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600), "wb") as file:
        file.write(key)
