"""Counts events of the last minute (Rate), and the jobs of one tenant (Share). Pure: `now` is an argument."""

from collections import Counter, deque

RATE_SECONDS = 60
BUCKET_SECONDS = RATE_SECONDS + 1
"""A bucket holds one second. It counts this long from its start, so that its last event is a minute old by then."""


class Rate:
    """Events of the last minute, in buckets of a second. Buckets expire a second late, so that no window of 60 s ever
    exceeds a limit that is checked with this count."""

    def __init__(self) -> None:
        self._buckets: deque[tuple[int, int]] = deque()
        self._second = self._count = 0

    def add(self, now: float, count: int = 1) -> None:
        """Count events at `now`."""
        second = int(now)
        if second != self._second:
            self._buckets.append((self._second, self._count))
            self._second, self._count = second, 0
        self._count += count

    def per_minute(self, now: float) -> float:
        """How many there were in the last minute."""
        while self._buckets and self._buckets[0][0] <= now - BUCKET_SECONDS:
            self._buckets.popleft()
        newest = self._count if self._second > now - BUCKET_SECONDS else 0
        return float(newest + sum(count for _, count in self._buckets))

    def frees(self, now: float, count: int) -> float:
        """In how many seconds `count` of the last minute's events will have expired."""
        for second, found in (*self._buckets, (self._second, self._count)):
            ends = second + BUCKET_SECONDS - now
            if ends > 0:
                count -= found
                if count <= 0:
                    return ends
        return float(BUCKET_SECONDS)


class Share:
    """The counts of one named tenant. Jobs without a tenant are counted in the totals only."""

    def __init__(self) -> None:
        self.counts: Counter[str] = Counter()
        self.accepted, self.ended = Rate(), Rate()
