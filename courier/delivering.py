"""One attempt of a delivery: the request of the broker, sent once, and what the receiver said. Follows no redirect."""

import time
from datetime import UTC, datetime
from email.utils import parsedate_to_datetime

from host.egress.conversation import Answer, Times, ask
from host.egress.gate import Gate, Stop
from jobs.errors import EgressFault, EgressRefused
from jobs.wire import Attempted, Delivery

TIMES = Times(seconds=15.0, first_seconds=15.0, silence_seconds=15.0)
"""Standard Webhooks asks a sender to wait for 15 to 30 s."""
ANSWER_BYTES_MAX = 4096
"""Bytes of an answer that are read; then the connection ends."""
ANSWER_CHARACTERS_MAX = 500
"""Characters of it that are kept."""
RETRY_SECONDS_MAX = 86_400.0
REFUSED = "this address must not be called"
SILENT = "it gave no answer"
"""What is told beyond the log. Refused, reset and silent are one: else a webhook would be a scanner of ports."""


def deliver(gate: Gate, delivery: Delivery, stop: Stop) -> tuple[Attempted, str]:
    """Make the attempt. Returns its result, and for the log why there was no answer."""
    began = time.monotonic()
    try:
        answer = ask(gate, "POST", delivery.url, delivery.headers, delivery.body, TIMES, stop)
    except EgressFault as fault:
        error = REFUSED if isinstance(fault, EgressRefused) else SILENT
        seconds = time.monotonic() - began
        return Attempted(delivery.id, delivery.attempt, 0, seconds, error=error), fault.detail
    try:
        said = _printed(answer.begins(ANSWER_BYTES_MAX))
    finally:
        answer.close()
    seconds, wait = time.monotonic() - began, retry_after(answer, time.time())
    return Attempted(delivery.id, delivery.attempt, answer.status, seconds, wait, answer=said), ""


def _printed(data: bytes) -> str:
    """The beginning of an answer as text: without control characters, and with marks for what is not UTF-8."""
    text = data.decode("utf-8", "replace")[:ANSWER_CHARACTERS_MAX]
    return "".join(letter if letter.isprintable() or letter in "\n\t" else "\ufffd" for letter in text)


def retry_after(answer: Answer, now: float) -> float | None:
    """The seconds that a Retry-After asks us to wait from wall time `now`, at most a day; None if it says nothing."""
    said = answer.headers.get("retry-after", "").strip()
    if said.isascii() and said.isdecimal():
        return min(float(said[:9]), RETRY_SECONDS_MAX)
    try:
        at = parsedate_to_datetime(said)
    except (ValueError, IndexError, OverflowError):
        return None
    seconds = (at if at.tzinfo else at.replace(tzinfo=UTC)) - datetime.fromtimestamp(now, UTC)
    return min(max(0.0, seconds.total_seconds()), RETRY_SECONDS_MAX)
