"""Stored originals: how they are made to last, and how they go again. Threads do it, never the event loop.

Knows no job's promise: which of them go is web/uploads/accept.py's to decide.
"""

import asyncio
from collections.abc import Callable, Sequence
from concurrent.futures import Executor
from dataclasses import dataclass

import msgspec

from jobs.errors import StoreFault
from jobs.job import Original
from web.access.parts import Web


@dataclass(slots=True)
class Stored:
    """An original that `publish` makes last under its name. What `digest` tells then, it has from then on."""

    job: str
    filename: str
    original: Original
    publish: Callable[[], None]
    digest: Callable[[], str] | None = None


async def publish(web: Web, stored: list[Stored]) -> None:
    """All of them, or none."""
    faults = await in_threads(web.write_threads, [each.publish for each in stored])
    if faults:
        await remove(web, stored)
        raise faults[0]
    for each in stored:
        if each.digest:
            each.original = msgspec.structs.replace(each.original, digest=each.digest())


async def remove(web: Web, stored: list[Stored]) -> None:
    """What cannot be removed is left to the walk over orphans: it must not change the answer."""
    names = [each.original.name for each in stored]
    try:
        await asyncio.get_running_loop().run_in_executor(web.write_threads, web.blobs.delete, names)
    except StoreFault as fault:
        web.log.warning("not removed", extra={"blobs": ", ".join(names), "reason": fault.detail})


async def in_threads(threads: Executor, works: Sequence[Callable[[], None]]) -> list[BaseException]:
    """Do all of these, several at the same time; what they raised."""
    loop = asyncio.get_running_loop()
    done = [loop.run_in_executor(threads, work) for work in works]
    return [fault for fault in await asyncio.gather(*done, return_exceptions=True) if fault]
