"""web/http/looks.py: one look for all who ask in the same second."""

import asyncio
from collections.abc import Callable
from typing import Any, cast

import pytest

from host.process.threads import Threads
from jobs.errors import StoreFault
from web.http.looks import FRESH_SECONDS, Looks


class ByHand:
    """Threads whose work is done when the test says so."""

    def __init__(self) -> None:
        self.handed: list[tuple[asyncio.Future[Any], Callable[[], Any]]] = []

    def do(self, work: Callable[[], Any]) -> asyncio.Future[Any]:
        self.handed.append((asyncio.get_running_loop().create_future(), work))
        return self.handed[-1][0]

    def end(self) -> None:
        future, work = self.handed[-1]
        try:
            future.set_result(work())
        except StoreFault as fault:
            future.set_exception(fault)


def test_those_who_ask_at_the_same_time_share_one_look_and_its_fault(monkeypatch: pytest.MonkeyPatch) -> None:
    async def scene() -> None:
        loop, now = asyncio.get_running_loop(), [1000.0]
        monkeypatch.setattr(loop, "time", lambda: now[0])
        faults, threads = [StoreFault("away")], ByHand()

        def look() -> None:
            if faults:
                raise faults.pop()

        looks = Looks(look, cast(Threads, threads))
        asked = [asyncio.ensure_future(looks.latest()) for _ in range(3)]
        await asyncio.sleep(0)
        now[0] += 2 * FRESH_SECONDS
        asked.append(asyncio.ensure_future(looks.latest()))
        await asyncio.sleep(0)
        assert len(threads.handed) == 1, "a look that lasts is not begun a second time"
        asked[0].cancel()
        threads.end()
        outcomes = await asyncio.gather(*asked, return_exceptions=True)
        assert [type(each) for each in outcomes] == [asyncio.CancelledError, StoreFault, StoreFault, StoreFault]
        later = asyncio.ensure_future(looks.latest())
        await asyncio.sleep(0)
        assert len(threads.handed) == 2
        threads.end()
        await later
        now[0] += FRESH_SECONDS / 2
        await looks.latest()
        assert len(threads.handed) == 2

    asyncio.run(scene())
