"""Deliveries of both clients: what receivers were told of, and replays of it. The procedures are
pixmill/core/calls.py's."""

from collections.abc import AsyncIterator, Iterator

from pixmill.client.connections import AsyncConnections, Connections
from pixmill.core.answers import Changed, Delivery
from pixmill.core.calls import Calls
from pixmill.core.fields import Told


class Deliveries:
    """Those of Client."""

    _calls: Calls
    _connections: Connections

    def deliveries(
        self, *, state: str | None = None, job: str | None = None, type: str | None = None, since: str | None = None
    ) -> Iterator[Delivery]:
        """All deliveries that match, the newest first. `since` is a time as 2030-12-31T12:00:00Z. Pages are read as
        they are needed."""
        asked, after = Told(state, job, type, since), None
        while True:
            page = self._connections.run(self._calls.delivery_page(asked, after))
            yield from page.deliveries
            if (after := page.next) is None:
                return

    def replay(self, delivery: str | Delivery) -> Delivery:
        """Try a delivery again, from now on, under the same id. Raises NotFound."""
        return self._connections.run(self._calls.replay(_id_of(delivery)))

    def replay_all(
        self,
        *,
        state: str | None = None,
        job: str | None = None,
        type: str | None = None,
        since: str | None = None,
        everything: bool = False,
        dry_run: bool = False,
    ) -> Changed:
        """Replay all deliveries that match; `dry_run` only counts them. Without a filter it needs `everything`."""
        return self._connections.run(self._calls.replay_all(Told(state, job, type, since), everything, dry_run))


class AsyncDeliveries:
    """Those of AsyncClient."""

    _calls: Calls
    _connections: AsyncConnections

    async def deliveries(
        self, *, state: str | None = None, job: str | None = None, type: str | None = None, since: str | None = None
    ) -> AsyncIterator[Delivery]:
        """As Client.deliveries."""
        asked, after = Told(state, job, type, since), None
        while True:
            page = await self._connections.run(self._calls.delivery_page(asked, after))
            for each in page.deliveries:
                yield each
            if (after := page.next) is None:
                return

    async def replay(self, delivery: str | Delivery) -> Delivery:
        """As Client.replay."""
        return await self._connections.run(self._calls.replay(_id_of(delivery)))

    async def replay_all(
        self,
        *,
        state: str | None = None,
        job: str | None = None,
        type: str | None = None,
        since: str | None = None,
        everything: bool = False,
        dry_run: bool = False,
    ) -> Changed:
        """As Client.replay_all."""
        return await self._connections.run(self._calls.replay_all(Told(state, job, type, since), everything, dry_run))


def _id_of(delivery: str | Delivery) -> str:
    return delivery if isinstance(delivery, str) else delivery.id
