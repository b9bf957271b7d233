"""POST /upload: a body streamed to the blob store, its bytes digested and its head judged on the way.

Memory does not grow with the upload: threads digest and write it (web/uploads/incoming.py). What ends badly leaves
nothing. What becomes of the stored originals is web/uploads/accept.py's.
"""

import asyncio
import base64
import hashlib
import re
import secrets
import time
from collections.abc import Callable, Iterable, Sequence

from starlette.requests import Request
from starlette.responses import Response

from host.settings.extras import formats_read
from jobs import ids
from jobs.errors import ClientFault, LimitExceeded
from jobs.images.filetypes import refusal
from jobs.images.head import Head, HeadReader
from jobs.job import Original
from jobs.lanes import LARGE_PIXELS
from jobs.limits import FORM_BYTES_MAX, GATHERED_BYTES, GATHERED_BYTES_MAX
from web.access.call import Call
from web.access.grants import as_granted, bytes_limit
from web.access.shares import one_under_way
from web.http import body
from web.http.headers import filename_of, joined, parameters, plain_filename
from web.uploads import fields as fields
from web.uploads.accept import Stored, accept, answer, checked_key
from web.uploads.admission import Admission, admit
from web.uploads.dialects import no_image, refuse_part
from web.uploads.fields import Asked
from web.uploads.forms import Form
from web.uploads.incoming import Incoming, in_threads

FORMATS = formats_read()
FILENAME = "filename"
"""The query parameter that names a bare image."""
UNTOLD = frozenset({"", "application/octet-stream"})
"""Types that say nothing of a body: its bytes do."""


class Intake:
    """The files of one POST on their way in: `begin`, `write`, `end` for each (web.uploads.forms.Files)."""

    def __init__(self, call: Call, admission: Admission) -> None:
        self.stored: list[Stored] = []
        self._web, self._admission = call.web, admission
        self._limit, self._most = bytes_limit(call)
        self._bytes = self._gathered = 0
        self._files: list[Incoming] = []
        self._storing: asyncio.Future[list[BaseException]] | None = None

    def begin(self, filename: str) -> None:
        """A file begins. Raises ClientFault where it is one too many."""
        self._admission.judge_images(len(self.stored) + 1)
        self._size = 0
        self._reader = HeadReader()
        job = ids.mint(time.time(), secrets.token_bytes(ids.RANDOM_BYTES))
        name = ids.original_name(job)
        file = Incoming(self._web.blobs, name)
        self._files.append(file)
        self.stored.append(Stored(job, filename, Original(name, "", 0, 0, 0, ""), file.publish, file.digest))

    def write(self, data: bytes | memoryview) -> None:
        """More of it. Raises LimitExceeded, ClientFault by what its head shows, StoreFull."""
        self._size += len(data)
        self._bytes += len(data)
        if self._bytes > self._most:
            raise self._blamed(LimitExceeded("upload_too_large", self._limit, self._most, self._bytes))
        if not self._reader.told:
            self._reader.feed(data)
            self._judge()
        self._web.room.take(len(data))
        self._files[-1].take(data)
        self._gathered += len(data)
        self._web.gathered += len(data)

    def end(self) -> None:
        """The file is complete."""
        if not self._reader.told:
            self._reader.end()
            self._judge()
        last, head = self.stored[-1], self._reader.head
        assert head is not None
        last.original = Original(last.original.name, head.format, head.width, head.height, self._size, "")

    def _judge(self) -> None:
        """What its head has told by now."""
        if not self._reader.typed:
            return
        try:
            head = judged(self._reader, self._web.settings.pixels_max)
        except ClientFault as fault:
            raise self._blamed(fault) from None
        pixels = head.width * head.height
        if pixels >= LARGE_PIXELS:
            self._admission.judge_pixels(pixels)

    def _blamed(self, fault: ClientFault) -> ClientFault:
        fault.members |= {"filename": self.stored[-1].filename, "index": len(self.stored) - 1}
        return fault

    async def settle(self) -> None:
        """Hand over what was gathered, where that is much, once what was handed over before is stored: the next bytes
        come meanwhile. Raises StoreFault."""
        if self._gathered >= GATHERED_BYTES or (self._gathered and self._web.gathered >= GATHERED_BYTES_MAX):
            await self.stored_so_far()
            works = [file.handing() for file in self._files if file.gathered]
            self._storing = asyncio.ensure_future(self._store(works, self._gathered))
            self._gathered = 0

    async def _store(self, works: Sequence[Callable[[], None]], size: int) -> list[BaseException]:
        try:
            return await in_threads(self._web.write_threads, [lambda: _do(works)])
        finally:
            self._web.gathered -= size

    async def stored_so_far(self) -> None:
        """What was handed over is stored. Raises StoreFault."""
        if self._storing:
            faults = await self._storing
            self._storing = None
            for fault in faults:
                raise fault

    def written(self) -> None:
        """Nothing of it is yet to be written."""
        self._web.gathered -= self._gathered
        self._gathered = 0

    def ends(self) -> None:
        """Forget what is not published. Nobody waits for it."""
        self.written()
        for file in self._files:
            if not file.is_over and (self._storing or file.is_begun):
                self._web.write_threads.submit(file.discard)


def _do(works: Iterable[Callable[[], None]]) -> None:
    for work in works:
        work()


def judged(reader: HeadReader, pixels_max: int) -> Head:
    """What a typed head tells. Raises ClientFault `unsupported_type`, LimitExceeded."""
    head = reader.head
    if head is None or head.format not in FORMATS:
        raise ClientFault(refusal(reader.start, FORMATS), code="unsupported_type")
    pixels = head.width * head.height
    if pixels > pixels_max:
        raise LimitExceeded("pixels_over_limit", "pixels_max", pixels_max, pixels)
    return head


async def upload(call: Call) -> Response:
    """POST /upload."""
    request = call.request
    content_type = request.headers.get("content-type", "").partition(";")[0].strip().lower()
    is_form = content_type == "multipart/form-data"
    if not is_form and content_type not in UNTOLD and not content_type.startswith("image/"):
        detail = (
            "send a multipart/form-data form, or the image itself with Content-Type image/* or "
            f"application/octet-stream, not {content_type[:100]!r}"
        )
        raise ClientFault(detail, code="unsupported_type")
    refuse_part(request)
    key = checked_key(request)
    size = min(body.claimed_bytes(request), bytes_limit(call)[1])
    intake = Intake(call, admit(call, key, call.query.get("priority"), size))
    with one_under_way(call):
        try:
            if is_form:
                asked, ignored = await _read_form(call, intake)
            else:
                asked, ignored = await _read_image(call, intake), []
            await intake.stored_so_far()
            accepted = await accept(call, asked, intake.stored, key, intake.written)
        finally:
            intake.ends()
    return await answer(call, accepted, ignored)


async def _read_form(call: Call, intake: Intake) -> tuple[Asked, list[str]]:
    if call.query:
        name = next(iter(call.query))
        raise ClientFault(f"a form carries {name} as a part, not in the query", code="bad_parameter", parameter=name)
    form = Form(call.request.headers["content-type"], intake, fields.FIELDS)
    await stream_body(call, form.feed, FORM_BYTES_MAX, intake.settle, form.slices)
    form.finish()
    if not intake.stored:
        raise no_image(call.request)
    return fields.from_texts(as_granted(call.caller, form.fields), call.web.recipes), form.ignored


async def _read_image(call: Call, intake: Intake) -> Asked:
    texts = {name: value for name, value in call.query.items() if name != FILENAME}
    asked = fields.from_texts(as_granted(call.caller, texts), call.web.recipes)
    intake.begin(_name_of_body(call))
    if not await stream_body(call, intake.write, 0, intake.settle):
        raise ClientFault("the body is empty", code="no_image")
    intake.end()
    return asked


def _name_of_body(call: Call) -> str:
    """Of a bare image: in the query, or as a browser would be told it."""
    if FILENAME in call.query:
        return plain_filename(call.query[FILENAME])
    disposition = call.request.headers.get("content-disposition", "").encode("latin-1")
    return filename_of(parameters(disposition)[1]) or ""


async def stream_body(
    call: Call,
    feed: Callable[[bytes], None],
    extra: int = 0,
    settle: body.Settle = body.at_once,
    slices: Callable[[bytes], Iterable[bytes]] = body.whole,
) -> int:
    """Feed the body as it comes, at most `extra` bytes above the limit; how many bytes it had. As body.stream."""
    claimed, digest = claimed_digest(call.request), hashlib.sha256()

    def fed(data: bytes) -> None:
        if claimed:
            digest.update(data)
        feed(data)

    total = await body.stream(call.request, fed, *bytes_limit(call), extra, settle, slices)
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
