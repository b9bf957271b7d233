"""Signed receipts: the proof, in the client's hands, that a job was promised.

Owns the shape of a receipt and its signature. Reads no clock and no ledger: web/handlers/receipts.py
judges whether the promise was kept.

    r1.<job>.<SHA-256 of the original, hex>.<change>.<milliseconds>.<signature, base64url>

Readable, so that `grep` and `sha256sum` find a job or a file in a list of receipts. The signature is
compared as text, because base64 has several spellings of the same bytes.
"""

import base64
import hmac
import re
from collections.abc import Collection, Sequence
from typing import NamedTuple

_DOMAIN = b"pixmill receipt\0"
"""The prefix of the signed text: so no other use of the same secret can ever sign a receipt."""
_SIGNED = re.compile(r"r1\.([0-9a-z]{26})\.([0-9a-f]{64})\.(0|[1-9][0-9]{0,18})\.(0|[1-9][0-9]{0,14})", re.ASCII)


class Receipt(NamedTuple):
    """What is signed: the job's id, its original's SHA-256 (hex), the change number of its acceptance
    (0 where web could not read it) and its wall time (seconds)."""

    job: str
    digest: str
    change: int
    at: float


def sign(secret: bytes, receipt: Receipt, tenant: str) -> str:
    """The receipt as text: about 160 URL-safe characters. `at` is kept in milliseconds. `tenant` owns the job: it is
    signed, but not part of the text."""
    signed = f"r1.{receipt.job}.{receipt.digest}.{receipt.change}.{round(receipt.at * 1000)}"
    return f"{signed}.{_signature(secret, tenant, signed)}"


def verify(secrets: Sequence[bytes], text: str, tenants: Collection[str]) -> Receipt | None:
    """The receipt that was signed under any of `secrets` for any of `tenants`. None if the text was changed, made up,
    or signed for other tenants."""
    if not text.isascii():
        return None
    signed, _, signature = text.rpartition(".")
    shape = _SIGNED.fullmatch(signed)
    genuine = [
        hmac.compare_digest(_signature(secret, tenant, signed), signature) for secret in secrets for tenant in tenants
    ]
    if shape is None or not any(genuine):
        return None
    job, digest, change, milliseconds = shape.groups()
    return Receipt(job, digest, int(change), int(milliseconds) / 1000)


def job_named(text: str) -> str:
    """The job that a receipt names, genuine or not; empty if the text is no receipt."""
    shape = _SIGNED.fullmatch(text.rpartition(".")[0])
    return shape[1] if shape else ""


def _signature(secret: bytes, tenant: str, signed: str) -> str:
    whose = f"{tenant}\0" if tenant else ""  # where there are no keys, as before there were any
    digest = hmac.digest(secret, _DOMAIN + whose.encode() + signed.encode(), "sha256")
    return base64.urlsafe_b64encode(digest).rstrip(b"=").decode()
