"""What follows an attempt of a delivery: the schedule of docs/webhooks.md, as data and one pure function.

Owns the policy, for one delivery and for an endpoint that only fails. Knows no clock and no randomness: jitter is drawn
from the delivery's id.
"""

import zlib

import msgspec

from jobs.deliveries import DeliveryState

MINUTE, HOUR, DAY = 60.0, 3600.0, 86_400.0
SCHEDULE = (
    0.0, 5.0, 5 * MINUTE, 30 * MINUTE, 2 * HOUR, 5 * HOUR, 10 * HOUR, 14 * HOUR, 20 * HOUR, 24 * HOUR,
)  # fmt: skip
"""Seconds before each attempt, from the end of the one before: the example of the Standard Webhooks specification. The
last attempt is three days after the first one."""
JITTER = 0.1
"""Up to this share of a wait is added to it, so that the deliveries of an outage do not come back at one moment."""
RETRY_AFTER_SECONDS_MAX = DAY
"""A receiver can put off its next attempt by so much."""
AT_ONCE = 4
"""Attempts at once to one host, so that one receiver cannot hold all couriers."""
FAILURES_IN_A_ROW = 5
"""After so many, an endpoint gets one attempt a step (a probe), until one succeeds."""
PROBE_SECONDS_MAX = 5 * MINUTE
"""The longest step between two probes: a receiver that is back is noticed within this time."""
PAUSE_SECONDS = 5 * DAY
"""An endpoint that only failed for so long is paused."""
GONE = 410


class Verdict(msgspec.Struct, frozen=True):
    """What becomes of a delivery: its state, and the seconds until the next attempt if it waits."""

    state: DeliveryState
    delay_seconds: float = 0.0


def delay_seconds(delivery: str, tries: int) -> float:
    """The wait after the `tries`-th attempt (from 1), with its jitter, which a replay of the same delivery repeats."""
    step = SCHEDULE[tries]
    return step * (1 + JITTER * zlib.crc32(f"{delivery}.{tries}".encode()) / 0xFFFFFFFF)


def is_success(status: int) -> bool:
    """Whether a receiver took the event."""
    return 200 <= status <= 299


def after_attempt(delivery: str, tries: int, status: int, retry_after: float | None) -> Verdict:
    """The decision after an attempt; `tries` includes it. `status` 0: the receiver did not answer."""
    if is_success(status):
        return Verdict(DeliveryState.DELIVERED)
    if status == GONE:
        return Verdict(DeliveryState.STOPPED)
    if tries >= len(SCHEDULE):
        return Verdict(DeliveryState.FAILED)
    asked = min(retry_after or 0.0, RETRY_AFTER_SECONDS_MAX)
    return Verdict(DeliveryState.WAITING, max(delay_seconds(delivery, tries), asked))


def probe_seconds(failures: int) -> float:
    """How long an endpoint rests after so many failures in a row; 0: it does not."""
    if failures < FAILURES_IN_A_ROW:
        return 0.0
    return min(SCHEDULE[min(failures - FAILURES_IN_A_ROW + 1, len(SCHEDULE) - 1)], PROBE_SECONDS_MAX)
