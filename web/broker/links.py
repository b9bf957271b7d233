"""All links of a web process, one for each broker that may be active. Requests go over the followed one.

Knows no socket: web/broker/link.py has those of one broker. web/broker/following.py decides which is followed, and
host/sockets/listing.py which links there are.
"""

import asyncio
import logging
from functools import partial

from host.sockets.addresses import Wires
from host.sockets.brokers import Brokers
from host.sockets.listing import to_change
from web.broker.changes import ChangeFeed
from web.broker.following import Following
from web.broker.link import Link
from web.broker.requests import Requests

LOOK_SECONDS = 0.5
"""Between two looks at a list that may change."""


class Links:
    """Connects one web process, whose acknowledgements come under `web`, to each of `brokers`. A link keeps its
    number."""

    def __init__(self, brokers: Brokers, web: str, requests: Requests, feed: ChangeFeed, log: logging.Logger) -> None:
        self._following = Following()
        self._brokers, self._web, self._requests, self._feed, self._log = brokers, web, requests, feed, log
        self._links: dict[int, Link] = {}
        self._begun = 0
        self._timer: asyncio.TimerHandle | None = None

    def open(self) -> None:
        """Connect and listen, in the running event loop. No broker need be there yet."""
        self._requests.send = self._send
        self._feed.poll_now = self._poll_now
        self._look()

    def close(self) -> None:
        """Disconnect. Unsent messages are dropped: nothing in them was promised."""
        if self._timer:
            self._timer.cancel()
        for link in self._links.values():
            link.close()

    def _look(self) -> None:
        """Open and close links as the list says now."""
        numbers = {link.wires: number for number, link in self._links.items()}
        followed = self._links.get(-1 if self._following.line is None else self._following.line)
        opened, closed = to_change(self._brokers.wires, [*numbers], followed.wires if followed else None)
        for wires in closed:
            self._links.pop(numbers[wires]).close()
        for wires in opened:
            self._open(wires)
        if self._brokers.is_live:
            self._timer = asyncio.get_running_loop().call_later(LOOK_SECONDS, self._look)

    def _open(self, wires: Wires) -> None:
        counts = partial(self._following.counts, self._begun)
        link = self._links[self._begun] = Link(wires, self._web, self._requests, self._feed, counts, self._log)
        self._begun += 1
        link.open()

    def _send(self, frame: bytes) -> bool:
        """Before a broker was heard, the first one that is there gets it. Each new epoch gets all that is open."""
        line = self._following.line
        if line is None:
            return any(link.send(frame) for link in self._links.values())
        return self._links[line].send(frame)

    def _poll_now(self) -> None:
        for link in self._links.values():
            link.poll_now()
