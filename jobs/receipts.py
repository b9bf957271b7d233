"""Signed receipts: the proof, in the client's hands, that a job was promised.

Owns the shape of a receipt and its signature. Reads no clock and no ledger: whether the promise was
kept is web/receipts.py's to say.

    r1.<job>.<SHA-256 of the original, hex>.<change>.<milliseconds>.<signature, base64url>

Readable, so that `grep` and `sha256sum` find a job or a file in a list of receipts. The signature is
compared as text, because base64 has several spellings of the same bytes.
"""

import base64
import hmac
import re
from collections.abc import Sequence
from typing import NamedTuple

_DOMAIN = b"pixmill receipt\0"
"""Before what is signed: no other use of the same secret can ever sign a receipt."""
_SIGNED = re.compile(r"r1\.([0-9a-z]{26})\.([0-9a-f]{64})\.(0|[1-9][0-9]{0,18})\.(0|[1-9][0-9]{0,14})", re.ASCII)


class Receipt(NamedTuple):
    """What is signed: the job's id, its original's SHA-256 (hex), the change number of its acceptance
    (0 where web could not read it) and its wall time (seconds)."""

    job: str
    digest: str
    change: int
    at: float


def sign(secret: bytes, receipt: Receipt) -> str:
    """The receipt as text: about 160 URL-safe characters. `at` is kept in milliseconds."""
    signed = f"r1.{receipt.job}.{receipt.digest}.{receipt.change}.{round(receipt.at * 1000)}"
    return f"{signed}.{_signature(secret, signed)}"


def verify(secrets: Sequence[bytes], text: str) -> Receipt | None:
    """What was signed under any of `secrets`, or None where nothing was: changed by a character or made up."""
    if not text.isascii():
        return None
    signed, _, signature = text.rpartition(".")
    shape = _SIGNED.fullmatch(signed)
    genuine = [hmac.compare_digest(_signature(secret, signed), signature) for secret in secrets]
    if shape is None or not any(genuine):
        return None
    job, digest, change, milliseconds = shape.groups()
    return Receipt(job, digest, int(change), int(milliseconds) / 1000)


def _signature(secret: bytes, signed: str) -> str:
    digest = hmac.digest(secret, _DOMAIN + signed.encode(), "sha256")
    return base64.urlsafe_b64encode(digest).rstrip(b"=").decode()
