"""Originals that are stored, and how they go again. Which of them go, web/uploads/accept.py decides."""

from collections.abc import Callable
from dataclasses import dataclass
from functools import partial

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


async def remove(web: Web, stored: list[Stored]) -> None:
    """What cannot be removed is left to the walk over orphans: it must not change the answer."""
    names = [each.original.name for each in stored]
    try:
        await web.write_threads.do(partial(web.blobs.delete, names))
    except StoreFault as fault:
        web.log.warning("not removed", extra={"blobs": ", ".join(names), "reason": fault.detail})
