"""Signatures of deliveries by the Standard Webhooks specification, version `v1` (HMAC-SHA256), and their secrets.

Each endpoint has a secret of its own, derived from one of the installation's: so nobody stores secrets, and no receiver
can sign for another one. Owns the derivation and the headers. Reads no clock: the time is an argument.
"""

import base64
import hmac
from collections.abc import Sequence

SECRET_PREFIX = "whsec_"
ID_PREFIX = "msg_"
_DOMAIN = b"pixmill webhook\0"
USER_AGENT = "pixmill-webhooks/1"


def endpoint_secret(secret: bytes, tenant: str, url: str) -> bytes:
    """The secret of a tenant's endpoint: 32 bytes. The address counts as it is written."""
    return hmac.digest(secret, _DOMAIN + tenant.encode() + b"\0" + url.encode(), "sha256")


def secret_text(secret: bytes, tenant: str, url: str) -> str:
    """The same as receivers' libraries take it: `whsec_` and base64."""
    return SECRET_PREFIX + base64.b64encode(endpoint_secret(secret, tenant, url)).decode()


def message_id(delivery: str) -> str:
    """The `webhook-id` of a delivery: equal for all its attempts, and after a replay."""
    return ID_PREFIX + delivery


def signature(key: bytes, message: str, timestamp: int, body: bytes) -> str:
    """One signature, over the very bytes that are sent."""
    signed = hmac.digest(key, f"{message}.{timestamp}.".encode() + body, "sha256")
    return "v1," + base64.b64encode(signed).decode()


def headers(secrets: Sequence[bytes], tenant: str, url: str, delivery: str, body: bytes, at: float) -> dict[str, str]:
    """The headers of an attempt at wall time `at`. Each of the `secrets` signs, in their order, so that a receiver
    takes the event before and after its secret was replaced."""
    message, timestamp = message_id(delivery), int(at)
    keys = [endpoint_secret(secret, tenant, url) for secret in secrets]
    return {
        "content-type": "application/json",
        "user-agent": USER_AGENT,
        "webhook-id": message,
        "webhook-timestamp": str(timestamp),
        "webhook-signature": " ".join(signature(key, message, timestamp, body) for key in keys),
    }
