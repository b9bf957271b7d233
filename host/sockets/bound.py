"""Who a worker or a courier is: its name, and its incarnation, which is bound to the key of its machine, so that no
other key can speak for it.
"""

import hashlib
import os
import secrets
import socket

DIGEST_CHARACTERS = 32
INCARNATION_BYTES = 8


def fingerprint(key: bytes) -> str:
    """The name of a public key in logs and listings."""
    return hashlib.sha256(key).hexdigest()[:DIGEST_CHARACTERS]


def bound(incarnation: str, key: bytes) -> str:
    """The incarnation for the holder of `key`: it ends in the key's fingerprint."""
    return f"{incarnation}.{fingerprint(key)}"


def is_bound(incarnation: str, key: bytes) -> bool:
    """Whether this incarnation belongs to the holder of `key`."""
    return incarnation == bound(incarnation.rpartition(".")[0], key)


def fresh_incarnation(key: bytes | None = None) -> str:
    """This process's random id, which differs from that of a predecessor of the same name. Bound to our CURVE `key`."""
    random = secrets.token_hex(INCARNATION_BYTES)
    return bound(random, key) if key else random


def own_name() -> str:
    """This process's label in logs, timelines and /stats."""
    return f"{socket.gethostname()}-{os.getpid()}"
