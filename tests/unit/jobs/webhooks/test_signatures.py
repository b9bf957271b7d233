"""Signatures, verified by the package that receivers use."""

from datetime import UTC, datetime, timedelta

import pytest
from standardwebhooks.webhooks import Webhook, WebhookVerificationError

from jobs.deliveries import delivery_id
from jobs.limits import WEBHOOK_SECRETS_MAX
from jobs.webhooks.signatures import endpoint_secret, headers, message_id, secret_text
from jobs.wire import Deliver, Delivery
from jobs.wire.codec import Reader, encode

OLD, NEW = b"o" * 32, b"n" * 32
URL, BODY = "https://h.example/hook?a=1", b'{"type":"job.done","data":{"id":"j"}}'
ID = delivery_id(3, 9)


def now() -> float:
    return datetime.now(UTC).timestamp()


def verify(secret: bytes, made: dict[str, str], body: bytes = BODY, url: str = URL, tenant: str = "t") -> object:
    return Webhook(secret_text(secret, tenant, url)).verify(body.decode(), made)


def test_a_receiver_verifies_what_we_sign() -> None:
    made = headers([NEW], "t", URL, ID, BODY, now())
    assert verify(NEW, made) == {"type": "job.done", "data": {"id": "j"}}
    assert made["webhook-id"] == message_id(ID) == f"msg_{ID}"
    assert made["content-type"] == "application/json"


def test_while_secrets_rotate_both_verify() -> None:
    made = headers([NEW, OLD], "t", URL, ID, BODY, now())
    verify(NEW, made)
    verify(OLD, made)
    assert made["webhook-signature"].startswith(headers([NEW], "t", URL, ID, BODY, now())["webhook-signature"][:3])
    assert len(made["webhook-signature"].split()) == 2


def test_the_headers_of_the_most_secrets_reach_a_courier() -> None:
    secrets = [bytes([number]) * 32 for number in range(WEBHOOK_SECRETS_MAX + 1)]  # one is made in DATA
    sent = Deliver([Delivery(ID, 1, URL, headers(secrets, "t", URL, ID, BODY, now()), BODY)])
    assert Reader(Deliver).decode(encode(sent)) == sent


@pytest.mark.parametrize("other", [{"url": "https://h.example/other"}, {"tenant": "u"}, {"body": b'{"type":"x"}'}])
def test_another_endpoint_tenant_or_body_is_refused(other: dict[str, object]) -> None:
    made = headers([NEW], "t", URL, ID, BODY, now())
    with pytest.raises(WebhookVerificationError):
        verify(NEW, made, **other)  # type: ignore[arg-type]


def test_an_old_attempt_is_refused() -> None:
    made = headers([NEW], "t", URL, ID, BODY, (datetime.now(UTC) - timedelta(minutes=6)).timestamp())
    with pytest.raises(WebhookVerificationError, match="old"):
        verify(NEW, made)


def test_a_secret_is_of_its_endpoint_alone_and_has_the_length_that_the_specification_asks() -> None:
    secrets = {endpoint_secret(OLD, tenant, url) for tenant in ("", "t") for url in (URL, "https://x/")}
    assert len(secrets) == 4
    assert {len(secret) for secret in secrets} == {32}
    assert secret_text(OLD, "t", URL).startswith("whsec_")
