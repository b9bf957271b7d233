"""For how long a call is repeated, and when. Pure: `now` is an argument; owns no clock, no pause and no connection."""

from collections.abc import Mapping
from datetime import UTC
from email.utils import parsedate_to_datetime

PATIENCE_SECONDS = 60.0
"""How long one call is repeated after it first failed: several times what a restart of the whole server takes."""
RATE_PATIENCE_SECONDS = 180.0
"""How long one call waits for its turn under a rate: its minute, and again if others with the key were quicker."""
RETRY_SECONDS_MIN, RETRY_SECONDS_MAX = 0.2, 5.0


def retry_after(headers: Mapping[str, str], now: float) -> float:
    """Seconds of Retry-After (RFC 9110), given as a number or as a date; 0 if it is missing or malformed.

    A date is of the server's clock. So it counts from the answer's own `Date`, if there is one, else from `now` (wall
    time).
    """
    value = headers.get("Retry-After", "").strip()
    if value.isdecimal():
        return float(value)
    due, said_at = _moment(value), _moment(headers.get("Date", ""))
    return 0.0 if due is None else max(0.0, due - (now if said_at is None else said_at))


class BackOff:
    """Pauses between tries: as long as the server asks; if it asks for none, each is twice as long as the last one."""

    def __init__(self) -> None:
        self._seconds = RETRY_SECONDS_MIN

    def pause(self, asked: float) -> float:
        """Seconds to the next try; never none, so that no answer makes a loop that spins."""
        seconds, self._seconds = asked or self._seconds, min(self._seconds * 2, RETRY_SECONDS_MAX)
        return seconds


class Patience:
    """The tries of one call that began at `now` (monotonic): when is the next, and whether there is one."""

    def __init__(self, now: float) -> None:
        self._turn_until, self._turn_seconds = now + RATE_PATIENCE_SECONDS, 0.0
        self._failed_at: float | None = None
        self._back_off = BackOff()

    def failing_seconds(self, now: float) -> float:
        """For how long the call has failed, without the turns that it waited for."""
        return 0.0 if self._failed_at is None else max(0.0, now - self._failed_at - self._turn_seconds)

    def turn(self, now: float, asked: float) -> float | None:
        """Seconds to the turn of a caller who is over a rate; None: it is not worth waiting for."""
        seconds = self._back_off.pause(asked)
        if now + seconds > self._turn_until:
            return None
        self._turn_seconds += seconds
        return seconds

    def pause(self, now: float, asked: float) -> float | None:
        """Seconds to the next try after a failure; None: no more. Turns that were waited for do not count."""
        self._failed_at = now if self._failed_at is None else self._failed_at
        seconds = self._back_off.pause(asked)
        return seconds if now + seconds <= self._failed_at + PATIENCE_SECONDS + self._turn_seconds else None


def _moment(date: str) -> float | None:
    try:
        moment = parsedate_to_datetime(date)
        return (moment if moment.tzinfo else moment.replace(tzinfo=UTC)).timestamp()
    except (ValueError, OverflowError):
        return None
