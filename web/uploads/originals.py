"""Stored originals, and their removal. web/uploads/accept.py decides which are removed."""

from collections.abc import Callable
from dataclasses import dataclass
from functools import partial

from jobs.errors import StoreFault
from jobs.job import Original
from web.access.parts import Web


@dataclass(slots=True)
class Stored:
    """An original. `publish` makes it durable under its name; `digest` can be called after that. `source`: the address
    from which it will be fetched; then nothing is published here, and its digest is that of the address."""

    job: str
    filename: str
    original: Original
    publish: Callable[[], None]
    digest: Callable[[], str] | None = None
    source: str | None = None


def measures(original: Original) -> tuple[str, int, int, int]:
    """Format, sides as stored, and orientation: by these `cost_ms` tells what a recipe costs."""
    return original.format, original.width, original.height, original.orientation


async def remove(web: Web, stored: list[Stored]) -> None:
    """Remove these. A failure does not change the answer: the orphan scan removes the rest later."""
    names = [each.original.name for each in stored]
    try:
        await web.write_threads.do(partial(web.blobs.delete, names))
    except StoreFault as fault:
        web.log.warning("not_removed", extra={"blobs": ", ".join(names), "why": fault.detail})
