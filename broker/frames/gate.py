"""Decodes incoming frames, and drops those that are invalid or that their sender may not send. It counts the dropped,
and logs the first of each peer. Reads no socket.
"""

import logging
from typing import Any, Protocol

from host.sockets.allowed import Role
from host.sockets.bound import is_bound
from jobs import wire
from jobs.errors import WireFault

PEERS_NAMED_MAX = 1000
_SENDERS = {wire.from_web: Role.WEB, wire.from_worker: Role.WORKER}


class Door(Protocol):
    """Knows whose keys are allowed now."""

    def holds(self, key: bytes, role: Role) -> bool:
        """Whether the holder of `key`, who was let in once, may still be `role`."""


class Gate:
    """`dropped` counts the frames that were no valid message, or that their peer may not send; broker/hearing.py adds
    those of a flood. `door`: None on local sockets."""

    def __init__(self, log: logging.Logger, door: Door | None = None) -> None:
        self._log, self._door = log, door
        self._named: set[bytes] = set()
        self.dropped = 0

    def read(self, reader: wire.Reader, peer: bytes, frames: list[bytes], key: bytes | None = None) -> Any:
        """The message in `frames`, or None. `key`: the CURVE key that authenticated `peer`, if there is one."""
        try:
            if key is not None and self._door and not self._door.holds(key, _SENDERS[reader]):
                raise WireFault("its key is not allowed any more")
            if len(frames) != 1:
                raise WireFault(f"{len(frames)} frames instead of one")
            message = reader.decode(frames[0])
            if key is not None and isinstance(message, wire.Ready) and not is_bound(message.incarnation, key):
                raise WireFault(f"{message.incarnation} belongs to another key")
            return message
        except WireFault as fault:
            self.dropped += 1
            if peer not in self._named and len(self._named) < PEERS_NAMED_MAX:
                self._named.add(peer)
                self._log.warning("frame_dropped", extra={"peer": peer.hex(), "why": fault.detail})
            return None
