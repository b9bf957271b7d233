"""POST /upload: a body streamed to the blob store, its bytes digested and its head judged on the way.

Memory does not grow with the upload. What ends badly leaves nothing behind. What becomes of the
stored originals is web/accept.py's.
"""

import base64
import hashlib
import re
import secrets
import time
from collections.abc import Callable

from starlette.requests import Request
from starlette.responses import Response

from host.extras import formats_read
from jobs import ids
from jobs.errors import ClientFault, LimitExceeded
from jobs.filetypes import refusal
from jobs.imagehead import Head, HeadReader
from jobs.job import Original
from jobs.lanes import LARGE_PIXELS
from jobs.limits import FORM_BYTES_MAX
from web import asked as fields
from web import body
from web.accept import Stored, accept, answer, checked_key
from web.admission import Admission, admit
from web.asked import Asked
from web.call import Call
from web.dialects import no_image, refuse_part
from web.forms import Form
from web.grants import as_granted, bytes_limit
from web.headers import filename_of, joined, parameters, plain_filename
from web.shares import one_under_way

FORMATS = formats_read()
FILENAME = "filename"
"""The query parameter that names a bare image."""
UNTOLD = frozenset({"", "application/octet-stream"})
"""Types that say nothing of a body: its bytes do."""


class Intake:
    """The files of one POST on their way in: `begin`, `write`, `end` for each (web.forms.Files)."""

    def __init__(self, call: Call, admission: Admission) -> None:
        self.stored: list[Stored] = []
        self._web, self._admission = call.web, admission
        self._limit, self._most = bytes_limit(call)
        self._bytes = 0
        self._discards: list[Callable[[], None]] = []

    def begin(self, filename: str) -> None:
        """A file begins. Raises ClientFault where it is one too many, StoreFault."""
        self._admission.judge_images(len(self.stored) + 1)
        self._digest, self._size = hashlib.sha256(), 0
        self._reader = HeadReader()
        job = ids.mint(time.time(), secrets.token_bytes(ids.RANDOM_BYTES))
        name = ids.original_name(job)
        self._writer = self._web.blobs.writer(name)
        self._discards.append(self._writer.discard)
        self.stored.append(Stored(job, filename, Original(name, "", 0, 0, 0, ""), self._writer.publish))

    def write(self, data: bytes | memoryview) -> None:
        """More of it. Raises LimitExceeded, ClientFault by what its head shows, StoreFull."""
        self._size += len(data)
        self._bytes += len(data)
        if self._bytes > self._most:
            raise self._blamed(LimitExceeded("upload_too_large", self._limit, self._most, self._bytes))
        if not self._reader.told:
            self._reader.feed(data)
            self._judge()
        self._digest.update(data)
        self._web.room.take(len(data))
        self._writer.write(data)

    def end(self) -> None:
        """The file is complete."""
        if not self._reader.told:
            self._reader.end()
            self._judge()
        last, head = self.stored[-1], self._reader.head
        assert head is not None
        digest = self._digest.hexdigest()
        last.original = Original(last.original.name, head.format, head.width, head.height, self._size, digest)

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

    def discard(self) -> None:
        """Forget what is not published."""
        for discard in self._discards:
            discard()


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
            accepted = await accept(call, asked, intake.stored, key)
        finally:
            intake.discard()
    return await answer(call, accepted, ignored)


async def _read_form(call: Call, intake: Intake) -> tuple[Asked, list[str]]:
    if call.query:
        name = next(iter(call.query))
        raise ClientFault(f"a form carries {name} as a part, not in the query", code="bad_parameter", parameter=name)
    form = Form(call.request.headers["content-type"], intake, fields.FIELDS)
    await stream_body(call, form.feed, FORM_BYTES_MAX)
    form.finish()
    if not intake.stored:
        raise no_image(call.request)
    return fields.from_texts(as_granted(call.caller, form.fields), call.web.recipes), form.ignored


async def _read_image(call: Call, intake: Intake) -> Asked:
    texts = {name: value for name, value in call.query.items() if name != FILENAME}
    asked = fields.from_texts(as_granted(call.caller, texts), call.web.recipes)
    intake.begin(_name_of_body(call))
    if not await stream_body(call, intake.write):
        raise ClientFault("the body is empty", code="no_image")
    intake.end()
    return asked


def _name_of_body(call: Call) -> str:
    """Of a bare image: in the query, or as a browser would be told it."""
    if FILENAME in call.query:
        return plain_filename(call.query[FILENAME])
    disposition = call.request.headers.get("content-disposition", "").encode("latin-1")
    return filename_of(parameters(disposition)[1]) or ""


async def stream_body(call: Call, feed: Callable[[bytes], None], extra: int = 0) -> int:
    """Feed the body as it comes, at most `extra` bytes above the limit; how many bytes it had."""
    claimed, digest = claimed_digest(call.request), hashlib.sha256()

    def fed(data: bytes) -> None:
        if claimed:
            digest.update(data)
        feed(data)

    total = await body.stream(call.request, fed, *bytes_limit(call), extra)
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
