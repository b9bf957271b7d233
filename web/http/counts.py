"""Bounds on what one process serves at the same time: uploads, streams and waits by caller, connections by address.

Owns the counts of this process; web/access/shares.py decides who one caller is.
"""

import contextlib
import ipaddress
from collections import Counter
from collections.abc import Callable, Iterator, Sequence

from jobs.errors import ClientFault
from jobs.units import full
from web.http.proxies import UNIX_PEER


class Shares:
    """How many things each holder has at the same time, of those that this process has for all."""

    def __init__(self) -> None:
        self._held: Counter[object] = Counter()

    @property
    def total(self) -> int:
        """Of all holders."""
        return self._held.total()

    @contextlib.contextmanager
    def one(self, holder: object, limit: str, most: int) -> Iterator[None]:
        """One more for `holder`. Raises TooMany, by the name `limit`, where they have `most`."""
        if self._held[holder] >= most:
            raise TooMany(limit, most)
        self._held[holder] += 1
        try:
            yield
        finally:
            self._held[holder] -= 1
            if not self._held[holder]:
                del self._held[holder]


class Addresses:
    """The connections of each address: none may have more than half of the `descriptors` of this process. Those of
    `proxies` (addresses, networks, or `unix`) belong to everybody, and have no bound."""

    def __init__(self, descriptors: int, proxies: Sequence[str] = ()) -> None:
        self._most = max(1, descriptors // 2)
        self._held = Shares()
        self._proxies = [ipaddress.ip_network(proxy) for proxy in proxies if proxy != UNIX_PEER[0]]

    def come(self, address: str) -> Callable[[], None]:
        """One more of `address`, until what is returned is called, or forgotten. Raises TooMany."""
        holder = neighbourhood(address)
        if not holder or (self._proxies and self._is_proxy(address)):
            return lambda: None
        one = contextlib.ExitStack()
        one.enter_context(self._held.one(holder, "connections_at_once_max", self._most))
        return one.close

    def _is_proxy(self, address: str) -> bool:
        parsed = ipaddress.ip_address(address)
        return any(parsed in network for network in self._proxies)


def neighbourhood(address: str) -> str:
    """The key under which an address is counted: of IPv6 the first 64 bits (clients may choose the rest); empty if it
    is no address."""
    try:
        parsed = ipaddress.ip_address(address)
    except ValueError:
        return ""
    if isinstance(parsed, ipaddress.IPv6Address) and parsed.ipv4_mapped is None:
        return str(ipaddress.ip_network((parsed.packed[:8] + bytes(8), 64)))
    return str(getattr(parsed, "ipv4_mapped", None) or parsed)


class TooMany(ClientFault):
    """The caller has as many of them as they may: one of them must end first."""

    retry_seconds = 1

    def __init__(self, limit: str, most: int) -> None:
        super().__init__(full(limit, most), code="too_many_at_once", limit=limit, allowed=most, actual=most + 1)
