"""Serves the bytes of originals and renditions: with conditional and range requests, and with headers that keep a
browser from running them. With ACCEL_REDIRECT a trusted nginx sends the bytes, and the headers are still ours.

Knows blobs only by name, and reads them in threads, one slice at a time.
"""

import asyncio
import base64
import re
from contextlib import closing
from functools import partial
from posixpath import basename, splitext
from urllib.parse import quote

from starlette.responses import Response
from starlette.types import ASGIApp, Receive, Scope, Send

from jobs.errors import BlobMissing, ClientFault, StoreFault
from jobs.ids import original_name
from jobs.job import Row, State, decode_outcome, decode_spec, original_of
from stores.blobs import BlobReader
from web.access.call import Call
from web.access.parts import Web
from web.handlers.redirects import redirect
from web.http.body import until_gone
from web.http.headers import accepted, joined
from web.http.problems import problem
from web.http.proxies import BY_PROXY
from web.http.unsent import ABORT
from web.views.variants import MEDIA_TYPES, chosen

SLICE_BYTES_MIN, SLICE_BYTES_FIRST, SLICE_BYTES_MAX = 32 * 1024, 64 * 1024, 256 * 1024
"""Bytes of one read. Each client holds one slice of memory: a small one if it is slow. A fast client costs four
hand-overs to a thread per megabyte."""
WAITED_SECONDS = 0.02
"""If the send of a slice takes longer, the client is slow."""
ENDS = {
    "jpeg": (".jpg", ".jpeg", ".jpe", ".jfif"), "png": (".png", ".apng"), "webp": (".webp",),
    "avif": (".avif", ".avifs"), "gif": (".gif",), "tiff": (".tif", ".tiff"), "bmp": (".bmp", ".dib"),
    "heic": (".heic", ".heif", ".hif"),
}  # fmt: skip
"""Extensions of file names by format. The first is appended to an original's name that has none of them."""
_OF_304 = ("ETag", "Cache-Control", "Vary")
_RANGE = re.compile(r"bytes=(\d{0,18})-(\d{0,18})")


async def original(call: Call) -> ASGIApp:
    """GET and HEAD /jobs/{job}/original."""
    row = await call.job()
    spec = decode_spec(row.spec)
    held = original_of(spec, decode_outcome(row.outcome))
    if held is None:
        raise ClientFault("its original is not fetched yet", code="not_found")
    filename = _named_as_judged(spec.filename or row.id, held.format)
    shown = disposition("attachment", filename)  # it is foreign data, and may be more than an image
    return await _blob(call, row, original_name(row.id), held.digest, held.bytes, held.format, shown)


def _named_as_judged(filename: str, image_format: str) -> str:
    """The file name, with an extension that fits the real format: the extension decides which program opens it."""
    known = ENDS.get(image_format, ())
    return filename if splitext(filename)[1].lower() in known or not known else filename + known[0]


async def rendition(call: Call) -> ASGIApp:
    """GET and HEAD /jobs/{job}/renditions/{name}. The name of a picture in several formats gives the best of them that
    the reader accepts."""
    row, name = await call.job(), call.parameter("name")
    media_types = accepted(joined(call.request.headers, "accept"))
    held, varies = chosen(decode_outcome(row.outcome).renditions, name, media_types)
    if held is None:
        raise ClientFault(f"job {row.id} has no rendition {name!r} (yet)", code="not_found")
    stem = splitext(basename(decode_spec(row.spec).filename))[0] or row.id
    shown = disposition("inline", f"{stem}.{held.name}{splitext(held.blob)[1]}")
    file = held.blob, held.digest, held.bytes, held.format, shown
    return await _blob(call, row, *file, is_rendition=True, varies=varies)


async def _blob(
    call: Call,
    row: Row,
    blob: str,
    digest: str,
    size: int,
    image_format: str,
    shown: str,
    *,
    is_rendition: bool = False,
    varies: bool = False,
) -> ASGIApp:
    etag = f'"{digest}"'
    headers = {
        "ETag": etag,
        **_caching(call.web, row, varies=varies),
        "Repr-Digest": f"sha-256=:{base64.b64encode(bytes.fromhex(digest)).decode()}:",
        "X-Content-Type-Options": "nosniff",
        "Content-Security-Policy": "default-src 'none'; sandbox",
        "Content-Disposition": shown,
        "Content-Type": MEDIA_TYPES.get(image_format, "application/octet-stream"),
    }
    asked = call.request.headers
    if _matches(joined(asked, "if-none-match"), etag):
        return Response(status_code=304, headers={name: headers[name] for name in _OF_304 if name in headers})
    start, end, status = 0, size, 200
    if asked.get("if-range", etag) == etag:
        start, end, status = byte_range(asked.get("range", ""), size)
    if status == 416:
        detail = f"there are {size} bytes"
        return problem("range_not_satisfiable", detail, {"Content-Range": f"bytes */{size}"})
    if is_rendition and (elsewhere := await redirect(call, blob, headers)):
        return elsewhere
    location = _location(call)
    sent = 0 if location or call.request.method == "HEAD" else end - start
    reader = await _opened(call, row, blob, start, start + sent)
    if location:
        reader.close()
        return Response(headers={**headers, "X-Accel-Redirect": f"{location}/{blob}"})
    headers["Accept-Ranges"] = "bytes"  # nginx adds its own
    if status == 206:
        headers["Content-Range"] = f"bytes {start}-{end - 1}/{size}"
    headers["Content-Length"] = str(end - start)
    return _BlobResponse(call.web, reader, sent, status, headers)


async def _opened(call: Call, row: Row, blob: str, start: int, end: int) -> BlobReader:
    try:
        return await call.web.blob_threads.do(partial(call.web.blobs.reader, blob, start, end))
    except BlobMissing:
        raise ClientFault(f"the bytes of job {row.id} are gone", code="not_found") from None


def _location(call: Call) -> str:
    """ACCEL_REDIRECT, if the proxy of this request is to send the bytes from DATA itself; else empty. A client that
    came past the proxy gets bytes. The proxy does not know our ETag before it judges the two conditions, so we send the
    answer to these."""
    asked = call.request.headers
    judged_there = "if-match" in asked or "if-unmodified-since" in asked
    return "" if judged_there or BY_PROXY not in call.request.scope else call.web.settings.accel_redirect


def _caching(web: Web, row: Row, *, varies: bool) -> dict[str, str]:
    """Cache-Control: for ever if the job is done, because nothing changes then. With keys, only the caller's own
    browser may store it, and only for the same caller. `varies`: by what the reader accepts."""
    by_format = ("Accept",) if varies else ()
    lasting = "max-age=31536000, immutable" if row.state == State.DONE else "no-cache"
    if web.keys:
        return {"Cache-Control": f"private, {lasting}", "Vary": ", ".join(("Authorization", "Cookie", *by_format))}
    told = {"Cache-Control": f"public, {lasting}" if row.state == State.DONE else lasting}
    return told | ({"Vary": "Accept"} if varies else {})


class _BlobResponse:
    """Sends the `size` bytes of a reader until the client has left, and closes the reader."""

    def __init__(self, web: Web, reader: BlobReader, size: int, status: int, headers: dict[str, str]) -> None:
        self._web, self._reader, self._left = web, reader, size
        self._head = Response(status_code=status, headers=headers)

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        gone = asyncio.ensure_future(until_gone(receive))
        try:
            with closing(self._reader):
                first = await self._piece(SLICE_BYTES_FIRST)
                await send(
                    {"type": "http.response.start", "status": self._head.status_code, "headers": self._head.raw_headers}
                )
                try:
                    await self._send_slices(first, send, gone)
                except StoreFault as fault:
                    await self._cut(scope, fault, gone)
                else:
                    await send({"type": "http.response.body", "body": b""})
        finally:
            gone.cancel()

    async def _send_slices(self, data: bytes, send: Send, gone: asyncio.Future[None]) -> None:
        now, slices = asyncio.get_running_loop().time, Slices()
        while data and not gone.done():
            began = now()
            await send({"type": "http.response.body", "body": data, "more_body": True})
            slices.took(len(data), now() - began)
            data = b"" if gone.done() else await self._piece(slices.size)

    async def _piece(self, size: int) -> bytes:
        """The next bytes that are to be sent, at most so many; none at the end. Raises StoreFault."""
        data = await self._web.blob_threads.do(partial(self._reader.read, size)) if self._left else b""
        self._left -= len(data)
        return data

    async def _cut(self, scope: Scope, fault: StoreFault, gone: asyncio.Future[None]) -> None:
        """After the head was sent, no error can be reported: the connection ends before all bytes were sent."""
        self._web.log.warning("not_sent_whole", extra={"path": scope["path"], "why": fault.detail})
        scope["extensions"][ABORT]()
        await gone


class Slices:
    """Chooses the `size` of a client's next slice from the time that it needed for the last ones."""

    def __init__(self) -> None:
        self.size = SLICE_BYTES_FIRST
        self._at_once = 0

    def took(self, size: int, seconds: float) -> None:
        """The client has taken `size` bytes in `seconds`, except for bytes that are still in buffers."""
        if seconds >= WAITED_SECONDS:
            self.size, self._at_once = SLICE_BYTES_MIN, 0
            return
        self._at_once += size
        self.size = min(max(self.size, self._at_once // 2), SLICE_BYTES_MAX)


def byte_range(header: str, size: int) -> tuple[int, int, int]:
    """Start, end (exclusive) and status of one range. Several ranges, or an unknown form, give the whole with 200."""
    found = _RANGE.fullmatch(header.strip())
    if not found or found.groups() == ("", ""):
        return 0, size, 200
    first, last = found.groups()
    if not first:
        start, end = max(0, size - int(last)), size
    else:
        start, end = int(first), min(size, int(last) + 1) if last else size
        if last and int(last) < start:
            return 0, size, 200
    return (start, end, 206) if start < end else (0, 0, 416)


def disposition(kind: str, filename: str) -> str:
    """Content-Disposition as in RFC 6266: a plain ASCII name, and the real one (RFC 8187) if it differs. Leading dots
    are removed, so that a saved file is neither hidden nor named like a folder."""
    filename = filename.lstrip(".") or "_"
    plain = re.sub(r"[^A-Za-z0-9 ._()-]", "_", filename)
    value = f'{kind}; filename="{plain}"'
    return value if plain == filename else f"{value}; filename*=UTF-8''{quote(filename, safe='')}"


def _matches(header: str, etag: str) -> bool:
    """If-None-Match, by the weak comparison."""
    tags = [tag.strip().removeprefix("W/") for tag in header.split(",")]
    return "*" in tags or etag in tags
