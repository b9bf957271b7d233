"""The two clients have one face; and what only AsyncClient must do: many at once, and an end by cancellation."""

import asyncio
import inspect
import re
from collections.abc import Callable
from pathlib import Path
from typing import Any

import httpx2
import pytest

from pixmill import AsyncClient, Client
from pixmill.testing import FakePixmill
from tests.support.harnesses.command import JPEG
from tests.unit.pixmill.client import every_method
from tests.unit.pixmill.core.samples import JOB


def methods(kind: type) -> dict[str, inspect.Signature]:
    found = {name: each for name, each in inspect.getmembers(kind, callable) if not name.startswith("_")}
    return {name: inspect.signature(each) for name, each in found.items()}


def test_both_clients_have_the_same_methods_and_arguments() -> None:
    blocking, aio = methods(Client), methods(AsyncClient)
    assert set(blocking) == set(aio) and len(aio) > 20
    for name in blocking:
        assert blocking[name].parameters == aio[name].parameters, name
    assert list(inspect.signature(Client).parameters) == list(inspect.signature(AsyncClient).parameters)


def test_tasks_share_a_client() -> None:
    under_way, most = 0, 0

    async def answer(_request: httpx2.Request) -> httpx2.Response:
        nonlocal under_way, most
        under_way += 1
        most = max(most, under_way)
        await asyncio.sleep(0)
        under_way -= 1
        return httpx2.Response(200, json=JOB)

    async def scenario() -> None:
        async with AsyncClient("http://s", transport=httpx2.MockTransport(answer)) as client:
            assert {job.id for job in await asyncio.gather(*(client.job("j1") for _ in range(5)))} == {"j1"}

    asyncio.run(scenario())
    assert most == 5


OVER_ALL = {"cancel_all", "purge_all", "requeue_all"}
"""The program calls them in a loop."""


@pytest.mark.parametrize("function", [every_method.with_threads, every_method.with_asyncio])
def test_the_typed_program_uses_every_method_and_runs(function: Callable[..., Any], tmp_path: Path) -> None:
    source = inspect.getsource(function)
    assert {name for name in methods(Client) if not re.search(rf"\bclient\.{name}\(", source)} == OVER_ALL
    assert all(f"client.{name}" in source for name in OVER_ALL)
    service = FakePixmill()
    if inspect.iscoroutinefunction(function):
        asyncio.run(function(service.async_client(), JPEG, tmp_path))
    else:
        function(service.client(), JPEG, tmp_path)
    assert len(list(tmp_path.iterdir())) == 1
