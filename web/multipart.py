"""A multipart body as it streams (RFC 2046, 5.1; RFC 7578): where its parts begin and end, and each part's headers.

Owns the syntax and its bounds. No byte is looked at in Python: `find` goes from boundary to boundary, and what one
piece leaves for the next is a part's headers, or less than a boundary. Knows no field, no file and no request.
"""

import re
from collections.abc import Callable
from typing import Protocol

from jobs.errors import ClientFault, LimitExceeded
from jobs.limits import BOUNDARY_BYTES_MAX, FORM_PARTS_MAX, PART_HEADERS_BYTES_MAX, PART_HEADERS_MAX

Piece = bytes | memoryview
"""Of a body, as it comes: a view where that spares a copy."""
Headers = dict[bytes, bytes]
"""Of a part: each once, its name in lower case."""
_ENDS = rb"--|[ \t]{0,64}\r\n"
"""What is behind a boundary on its line; 64 is more white space than anybody sends."""
_CUT_SHORT = rb"-?\Z|[ \t]{0,64}\r?\Z"
_BOUNDARY = re.compile(rb"[\x20-\x7e]*[\x21-\x7e]")
_FOLD = re.compile(rb"\r\n[ \t]+")


class Parts(Protocol):
    """Who is told of the parts, one after the other."""

    def part_begins(self, headers: Headers) -> None: ...

    def part_data(self, data: Piece) -> None: ...

    def part_ends(self) -> None: ...


class Multipart:
    """Tells `parts` of each part between the lines of `boundary`; what is before the first and behind the last of them
    (preamble and epilogue) is passed over. `ended`: the last one has come."""

    def __init__(self, boundary: bytes, parts: Parts) -> None:
        if len(boundary) > BOUNDARY_BYTES_MAX or not _BOUNDARY.fullmatch(boundary):
            raise ClientFault(f"the form's boundary must be 1 to {BOUNDARY_BYTES_MAX} ASCII characters in Content-Type")
        self._parts, self._count = parts, 0
        self._line = b"\r\n--" + boundary
        self._whole_line = re.compile(re.escape(self._line) + b"(" + _ENDS + b")")
        self._maybe_line = re.compile(re.escape(self._line) + b"(?:" + _ENDS + b"|" + _CUT_SHORT + b")")
        self._state: Callable[[bytes, int], int] = self._content
        self._kept = b"\r\n"  # a boundary may be in the very first line
        self._starved = self._in_part = False
        self.ended = False

    def feed(self, data: bytes) -> None:
        """The next bytes of the body. Raises ClientFault, and what `parts` raises."""
        data = self._kept + data if self._kept else data
        at, self._starved = 0, False
        while not self._starved:
            at = self._state(data, at)
        self._kept = data[at:]

    def finish(self) -> None:
        """The body has ended. Raises ClientFault where its last boundary is missing."""
        if not self.ended:
            missing = "its closing boundary" if self._count else "a line with its boundary (CRLF ends lines)"
            raise ClientFault(f"the form ends before {missing}")

    # A state reads from `at` and returns where the next one goes on. One that needs more bytes is starved, and what is
    # behind the place that it returns comes again before them.

    def _content(self, data: bytes, at: int) -> int:
        found = data.find(self._line, at)
        if found >= 0 and not self._maybe_line.match(data, found):  # something longer, and there may be many of them
            following = self._maybe_line.search(data, found + 1)  # which is slower, but goes past all
            found = following.start() if following else -1
        if found < 0:
            self._starved, end = True, self._safe_end(data, at)
        else:
            self._state, end = self._boundary, found
        self._tell(data, at, end)
        return end

    def _boundary(self, data: bytes, at: int) -> int:
        line = self._whole_line.match(data, at)
        if not line:
            if self._maybe_line.match(data, at):
                self._starved = True
                return at
            self._tell(data, at, at + len(self._line))
            self._state = self._content
            return at + len(self._line)
        if self._in_part:
            self._in_part = False
            self._parts.part_ends()
        if line[1] == b"--":
            self.ended, self._state = True, self._epilogue
            return line.end()
        self._state = self._headers
        return line.end() - 2  # their end is two line ends: where there are none, this is the first

    def _headers(self, data: bytes, at: int) -> int:
        end = data.find(b"\r\n\r\n", at, at + PART_HEADERS_BYTES_MAX)
        if end < 0:
            if len(data) - at >= PART_HEADERS_BYTES_MAX:
                came = len(data) - at
                raise LimitExceeded("malformed", "part_headers_bytes_max", PART_HEADERS_BYTES_MAX, came)
            self._starved = True
            return at
        self._count += 1
        if self._count > FORM_PARTS_MAX:
            raise LimitExceeded("too_many_parts", "form_parts_max", FORM_PARTS_MAX, self._count)
        self._parts.part_begins(headers_of(data[at + 2 : end]))
        self._in_part, self._state = True, self._blank_line
        return end + 2

    def _blank_line(self, data: bytes, at: int) -> int:
        """Before the content. Where there is none, it may be the line end before the next boundary."""
        begins = data[at : at + len(self._line)]
        if begins == self._line:
            self._state = self._boundary
            return at
        if self._line.startswith(begins):
            self._starved = True
            return at
        self._state = self._content
        return at + 2

    def _epilogue(self, data: bytes, _at: int) -> int:
        self._starved = True
        return len(data)

    def _tell(self, data: bytes, start: int, end: int) -> None:
        if self._in_part and end > start:
            self._parts.part_data(memoryview(data)[start:end])

    def _safe_end(self, data: bytes, at: int) -> int:
        """The place up to which no boundary has begun."""
        start = data.rfind(b"\r", max(at, len(data) - len(self._line) + 1))
        return start if start >= 0 and self._line.startswith(data[start:]) else len(data)


def headers_of(block: bytes) -> Headers:
    """The headers in a part's lines. Raises ClientFault, LimitExceeded."""
    lines = _FOLD.sub(b" ", block).split(b"\r\n") if block else []
    if len(lines) > PART_HEADERS_MAX:
        raise LimitExceeded("malformed", "part_headers_max", PART_HEADERS_MAX, len(lines))
    headers: Headers = {}
    for line in lines:
        name, colon, value = line.partition(b":")
        name = name.strip().lower()
        if not colon or not name or name in headers:
            what = "is there twice" if name in headers else "is no header"
            raise ClientFault(f"this is no form: a line of a part's head {what}: {line[:40]!r}")
        headers[name] = value.strip()
    return headers
