"""What the list of brokers says now, and which connections follow from it. Pure.

An entry of the list is an address whose host may be a name. A name may have several addresses, and others later.
host/sockets/brokers.py reads the list and looks names up.
"""

from collections.abc import Hashable, Mapping, Sequence
from typing import TypeVar

from host.settings.bounds import BROKERS_MAX
from host.settings.brokers import Address

T = TypeVar("T", bound=Hashable)
LINES_MAX = 2 * BROKERS_MAX
"""Connections to listed brokers, and to vanished ones while no broker serves."""


class Listing:
    """The list, as it was last read. `addresses`: numeric ones of all brokers, in the list's order; those of one name
    are sorted, because name servers change their order."""

    def __init__(self) -> None:
        self.addresses: tuple[Address, ...] = ()
        self._found: dict[Address, tuple[Address, ...]] = {}

    def read(self, entries: Sequence[Address], found: Mapping[Address, Sequence[Address]]) -> str:
        """The list has these entries, of which the look-ups found these addresses. An entry without any keeps those
        that it had. A list with too many addresses changes nothing. Returns what is wrong, or ""."""
        self._found = {each: tuple(sorted(found.get(each, ()))) or self._found.get(each, ()) for each in entries}
        addresses = tuple(dict.fromkeys(address for each in entries for address in self._found[each]))
        if len(addresses) > BROKERS_MAX:
            return f"it has {len(addresses)} addresses, and at most {BROKERS_MAX} are allowed"
        self.addresses = addresses
        missing = ", ".join(host for host, port in entries if not found.get((host, port)))
        return f"no address of {missing} was found" if missing else ""


def to_change(listed: Sequence[T], lines: Sequence[T], followed: T | None) -> tuple[list[T], list[T]]:
    """Which connections to open, and which of `lines` (the oldest first) to close, for brokers that are `listed` now.

    The followed one stays until another is followed: its broker serves, or did so last. While none is followed, those
    that vanished stay too, as far as LINES_MAX has room.
    """
    opened = [each for each in listed if each not in lines]
    closed = [each for each in lines if each not in listed and each != followed]
    if followed is None:
        closed = closed[: max(0, len(lines) + len(opened) - LINES_MAX)]
    return opened, closed
