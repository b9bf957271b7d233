"""courier/delivering.py: one attempt, whatever the receiver does."""

import time
from datetime import UTC, datetime
from email.utils import format_datetime

import pytest

from courier import delivering
from courier.delivering import RETRY_SECONDS_MAX, deliver
from host.egress.addresses import parse_allowed
from host.egress.conversation import Times
from host.egress.gate import Gate, Stop
from jobs.wire import Attempted, Delivery
from tests.support.patience import stretched
from tests.support.servers.stranger import Script, answers, endless, says, stranger

BODY = b'{"type":"job.done"}'


def attempt(script: Script) -> tuple[Attempted, str]:
    with stranger(script) as server:
        delivery = Delivery(
            "d", 3, f"{server.url}/hook", {"webhook-id": "msg_d", "content-type": "application/json"}, BODY
        )
        return deliver(Gate(parse_allowed(f"127.0.0.1:{server.port}")), delivery, Stop())


def test_the_receiver_gets_just_what_was_signed() -> None:
    with stranger(answers("204 No Content")) as server:
        delivery = Delivery(
            "d", 3, f"{server.url}/hook?x=1", {"webhook-id": "msg_d", "webhook-signature": "v1,abc"}, BODY
        )
        result, why = deliver(Gate(parse_allowed(f"127.0.0.1:{server.port}")), delivery, Stop())
        (heard,) = server.heard
    assert (result.id, result.attempt, result.status, result.error, why) == ("d", 3, 204, "", "")
    assert heard.line == "POST /hook?x=1 HTTP/1.1"
    assert heard.body == BODY
    assert (heard.headers["webhook-id"], heard.headers["webhook-signature"]) == ("msg_d", "v1,abc")


@pytest.mark.parametrize("status", ["200 OK", "302 Found", "410 Gone", "500 Oh"])
def test_each_status_is_told_and_no_redirect_is_followed(status: str) -> None:
    with stranger(answers("200 OK")) as victim:
        result, _ = attempt(answers(status, f"Location: {victim.url}/", body=b"what I think"))
        assert not victim.called
    assert (result.status, result.answer) == (int(status[:3]), "what I think")


@pytest.mark.parametrize(
    ("said", "seconds"),
    [
        ("120", 120.0),
        ("999999999", RETRY_SECONDS_MAX),
        ("0", 0.0),
        ("-5", None),
        ("soon", None),
        ("1e9", None),
        ("", None),
    ],
)
def test_retry_after_is_read_in_seconds(said: str, seconds: float | None) -> None:
    result, _ = attempt(answers("429 Too Many Requests", f"Retry-After: {said}"))
    assert (result.status, result.retry_after) == (429, seconds)


def test_retry_after_is_read_as_a_date() -> None:
    for ahead, least, most in ((600, 500.0, 600.0), (-600, 0.0, 0.0), (10**7, RETRY_SECONDS_MAX, RETRY_SECONDS_MAX)):
        date = format_datetime(datetime.fromtimestamp(time.time() + ahead, UTC), usegmt=True)
        result, _ = attempt(answers("503 Later", f"Retry-After: {date}"))
        assert result.retry_after is not None and least <= result.retry_after <= most


def test_an_answer_of_any_length_is_read_to_its_beginning() -> None:
    result, _ = attempt(endless(b"HTTP/1.1 200 OK\r\nContent-Length: 104857600\r\n\r\n"))
    assert (result.status, len(result.answer)) == (200, 500)


def test_an_answer_of_any_bytes_is_a_text() -> None:
    result, _ = attempt(answers("200 OK", body=b"\x00\x1b[31m\xff\r\nok"))
    assert result.answer == "\ufffd\ufffd[31m\ufffd\ufffd\nok"


@pytest.mark.parametrize("script", [says(b""), says(b"HTTP/1.1 20"), says(b"nonsense\r\n\r\n")])
def test_who_breaks_off_gave_no_answer(script: Script) -> None:
    result, why = attempt(script)
    assert (result.status, result.error) == (0, "it gave no answer")
    assert why


def test_who_is_slow_gave_no_answer(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(delivering, "TIMES", Times(0.2, 0.2, 0.2))
    began = time.monotonic()
    result, why = attempt(says(b"", then_wait=True))
    assert (result.status, result.error, why) == (0, "it gave no answer", "no answer in time")
    assert time.monotonic() - began < stretched(5.0)


def test_a_forbidden_receiver_is_not_called() -> None:
    with stranger(answers("200 OK")) as server:
        result, why = deliver(Gate(), Delivery("d", 1, f"{server.url}/", {}, BODY), Stop())
        assert not server.called
    assert (result.status, result.error) == (0, "this address must not be called")
    assert "http is refused" in why
