"""Keeps decoders of tenants that are not being served: how many, how large, and for how long.

Owns the bounds and the order: the least recently served decoder goes first, except those that were served just now.
Knows no process and no clock; it returns the decoders that must go, and the caller ends them.
"""

from collections import OrderedDict
from math import inf
from typing import Generic, NamedTuple, Protocol, TypeVar

PARKED_SECONDS = 60.0
"""A tenant that sends nothing for this long gets a fresh decoder. That costs milliseconds, whereas a parked decoder
holds memory."""

FRESH_SECONDS = 5.0
"""A decoder that was parked within this time stays, and a newcomer goes. Tenants take turns, so the least recently
served one is the next to come: with more tenants than places, none would ever find its decoder."""

GROWTH_SHARE = 4
"""A decoder that keeps more than DECODER_BYTES_MAX / 4 between jobs is replaced, and all parked ones together keep no
more than that."""


class _Process(Protocol):
    @property
    def pid(self) -> int: ...


T = TypeVar("T", bound=_Process)


class _Place(NamedTuple, Generic[T]):
    decoder: T
    size: int
    until: float


class Parking(Generic[T]):
    """At most one decoder for each tenant and `count_max` in all; together they have grown by at most `bytes_max`."""

    def __init__(self, count_max: int = 0, bytes_max: int = 0) -> None:
        self._count_max, self._bytes_max = count_max, bytes_max
        self._places: OrderedDict[str, _Place[T]] = OrderedDict()

    @property
    def deadline(self) -> float:
        """When to call `expired` next (monotonic seconds)."""
        return next(iter(self._places.values())).until if self._places else inf

    def park(self, tenant: str, decoder: T, size: int, now: float) -> list[T]:
        """Keep a decoder that has grown by `size` bytes. Returns the decoders that must go for it, perhaps itself. A
        decoder that has shrunk makes no room for others: it may be hostile, or dead."""
        replaced = self._places.pop(tenant, None)
        gone = [replaced.decoder] if replaced else []
        self._places[tenant] = _Place(decoder, max(0, size), now + PARKED_SECONDS)
        while self._crowded():
            fresh = now < self.deadline - PARKED_SECONDS + FRESH_SECONDS
            _, place = self._places.popitem(last=fresh)
            gone.append(place.decoder)
        return gone

    def _crowded(self) -> bool:
        return len(self._places) > self._count_max or sum(each.size for each in self._places.values()) > self._bytes_max

    def take(self, tenant: str) -> T | None:
        """The decoder of this tenant, which leaves its place."""
        place = self._places.pop(tenant, None)
        return place.decoder if place else None

    def expired(self, now: float) -> list[T]:
        """Those whose time is over."""
        return [self._places.pop(tenant).decoder for tenant, place in list(self._places.items()) if now >= place.until]

    def ended(self, pid: int) -> T | None:
        """The process `pid` ended: the decoder that it was, if one was parked under it."""
        return next((self._places.pop(tenant).decoder for tenant, place in list(self._places.items())
                     if place.decoder.pid == pid), None)  # fmt: skip

    def empty(self) -> list[T]:
        """All of them."""
        return self.expired(inf)
