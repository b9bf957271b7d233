"""A worker's incarnation bound to the key of its machine, so that no other key can speak for it."""

import hashlib

DIGEST_CHARACTERS = 32


def bound(incarnation: str, key: bytes) -> str:
    """The incarnation for the holder of `key`: it ends in a digest of the key."""
    return f"{incarnation}.{hashlib.sha256(key).hexdigest()[:DIGEST_CHARACTERS]}"


def is_bound(incarnation: str, key: bytes) -> bool:
    """Whether this incarnation belongs to the holder of `key`."""
    return incarnation == bound(incarnation.rpartition(".")[0], key)
