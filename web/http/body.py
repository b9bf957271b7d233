"""Reads the body of a request: bounds its size and its pace, and notices when its sender has left.

Owns the pace, which Starlette and uvicorn leave to the client. Knows no meaning of a body.
"""

import asyncio
import base64
import hashlib
import re
import time
from collections.abc import Awaitable, Callable, Iterable

from starlette.requests import Request
from starlette.types import Receive

from jobs.errors import ClientFault, LimitExceeded
from jobs.limits import BODY_BYTES_PER_SECOND_MIN, BODY_SILENCE_SECONDS
from web.http.headers import joined

Settle = Callable[[], Awaitable[None]]
SLICE_BYTES = 64 * 1024
TURN_SECONDS = 0.002
"""Of feeding without a pause: then others have their turn."""


def next_due(due: float, now: float, size: int) -> float:
    """The time by which more must come, after `size` bytes came at `now`. Each piece buys its time at
    BODY_BYTES_PER_SECOND_MIN, but never more than BODY_SILENCE_SECONDS: so neither silence nor a trickle can last,
    whatever came before."""
    return min(due + size / BODY_BYTES_PER_SECOND_MIN, now + BODY_SILENCE_SECONDS)


class Encoded(ClientFault):
    """A body that would have to be decoded first, to any size."""

    code = "unsupported_type"
    headers = {"Accept-Encoding": "identity"}


def claimed_bytes(request: Request) -> int:
    """The body's length by its head; 0 where that does not tell."""
    length = request.headers.get("content-length", "")
    return int(length[:19]) if length.isdecimal() else 0


def whole(data: bytes) -> Iterable[bytes]:
    """One slice: for parsers that handle even the worst piece quickly."""
    return (data,)


def sliced(data: bytes) -> Iterable[bytes]:
    """Small slices: for parsers that need up to 100 ns for each of the worst bytes."""
    return (data[at : at + SLICE_BYTES] for at in range(0, len(data), SLICE_BYTES))


async def at_once() -> None:
    """The `settle` of a parser that is done with a piece once it was fed."""


async def stream(
    request: Request,
    feed: Callable[[bytes], object],
    limit: str,
    most: int,
    extra: int = 0,
    settle: Settle = at_once,
    slices: Callable[[bytes], Iterable[bytes]] = whole,
) -> int:
    """Feed the body as it comes; returns the number of its bytes. Other requests have their turn between two `slices`
    of a piece, if that takes long. `settle` is awaited after each piece, while the sender's deadline stands still.

    Raises LimitExceeded, by the name `limit`, past `most` and `extra` bytes (before any is read, where the head tells),
    and ClientFault `too_slow`.
    """
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
                due, came = next_due(due, now(), len(data)), now()
                patience.reschedule(None)
                await _in_turns(slices(data), feed)
                await settle()
                due += now() - came
                patience.reschedule(due)
    except TimeoutError:
        raise ClientFault(
            f"the body came too slowly: at least {BODY_BYTES_PER_SECOND_MIN} bytes a second are asked, "
            f"and no silence over {BODY_SILENCE_SECONDS:g} s",
            code="too_slow",
        ) from None
    return total


async def stream_digested(
    request: Request,
    feed: Callable[[bytes], object],
    limit: str,
    most: int,
    extra: int = 0,
    settle: Settle = at_once,
    slices: Callable[[bytes], Iterable[bytes]] = whole,
) -> int:
    """As `stream`. Raises also ClientFault `digest_mismatch` where the body is not that of its Content-Digest."""
    claimed, digest = claimed_digest(request), hashlib.sha256()

    def fed(data: bytes) -> None:
        if claimed:
            digest.update(data)
        feed(data)

    total = await stream(request, fed, limit, most, extra, settle, slices)
    if claimed and digest.digest() != claimed:
        raise ClientFault("the body's SHA-256 is not the one in Content-Digest", code="digest_mismatch")
    return total


def claimed_digest(request: Request) -> bytes | None:
    """The SHA-256 in Content-Digest (RFC 9530), if there is one; other algorithms are not checked."""
    for member in joined(request.headers, "content-digest").split(","):
        name, _, value = member.strip().partition("=")
        if name == "sha-256":
            found = re.fullmatch(r":([A-Za-z0-9+/]{43}=):", value)
            if not found:
                raise ClientFault("Content-Digest is sha-256=:BASE64:", code="bad_parameter")
            return base64.b64decode(found[1])
    return None


async def _in_turns(slices: Iterable[bytes], feed: Callable[[bytes], object]) -> None:
    began = time.perf_counter()
    for data in slices:
        if time.perf_counter() - began > TURN_SECONDS:
            await asyncio.sleep(0)
            began = time.perf_counter()
        feed(data)


async def until_gone(receive: Receive) -> None:
    """Read whatever else comes, and return once the client has left."""
    while (await receive())["type"] != "http.disconnect":
        pass
