"""The body of a request as it comes: how much of it is taken, how slowly it may come, and whether its sender has left.

Owns the pace, which Starlette and uvicorn leave to the client. Knows nothing of what a body means.
"""

import asyncio
from collections.abc import Callable

from starlette.requests import Request
from starlette.types import Receive

from jobs.errors import ClientFault, LimitExceeded
from jobs.limits import BODY_BYTES_PER_SECOND_MIN, BODY_SILENCE_SECONDS
from web.headers import joined


def next_due(due: float, now: float, size: int) -> float:
    """The time by which more must have come, once `size` bytes have, at `now`: each piece buys the time that it takes
    at BODY_BYTES_PER_SECOND_MIN, but never more than BODY_SILENCE_SECONDS, so that neither silence nor a trickle
    lasts, whatever came before."""
    return min(due + size / BODY_BYTES_PER_SECOND_MIN, now + BODY_SILENCE_SECONDS)


class Encoded(ClientFault):
    """A body that would have to be decoded first, to any size."""

    code = "unsupported_type"
    headers = {"Accept-Encoding": "identity"}


def claimed_bytes(request: Request) -> int:
    """The body's length by its head; 0 where that does not tell."""
    length = request.headers.get("content-length", "")
    return int(length[:19]) if length.isdecimal() else 0


async def stream(request: Request, feed: Callable[[bytes], object], limit: str, most: int, extra: int = 0) -> int:
    """Feed the body as it comes; how many bytes it had. Raises LimitExceeded, by the name `limit`, past `most` and
    `extra` bytes (before any is read, where the head tells), and ClientFault `too_slow`."""
    if (encoding := joined(request.headers, "content-encoding").lower()) not in ("", "identity"):
        raise Encoded(f"the body is in {encoding[:40]!r}: send it as it is, without a Content-Encoding")
    if (claimed := claimed_bytes(request)) > most + extra:
        raise LimitExceeded("upload_too_large", limit, most, claimed)
    now, total = asyncio.get_running_loop().time, 0
    due = now() + BODY_SILENCE_SECONDS
    try:
        async with asyncio.timeout_at(due) as patience:
            async for data in request.stream():
                total += len(data)
                if total > most + extra:
                    raise LimitExceeded("upload_too_large", limit, most, total)
                due = next_due(due, now(), len(data))
                patience.reschedule(due)
                feed(data)
    except TimeoutError:
        raise ClientFault(
            f"the body came too slowly: at least {BODY_BYTES_PER_SECOND_MIN} bytes a second are asked, "
            f"and no silence over {BODY_SILENCE_SECONDS:g} s",
            code="too_slow",
        ) from None
    return total


async def until_gone(receive: Receive) -> None:
    """Read whatever else comes, and return once the client has left."""
    while (await receive())["type"] != "http.disconnect":
        pass
