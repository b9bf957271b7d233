"""A multipart body as it streams (RFC 2046, 5.1; RFC 7578): where its parts begin and end, and each part's headers.

Owns the bounds; the syntax is python-multipart's. Knows no field, no file and no request.
"""

import logging
import re
from collections.abc import Iterable
from typing import Protocol

from python_multipart.exceptions import FormParserError
from python_multipart.multipart import MultipartParser

from jobs.errors import ClientFault, LimitExceeded
from jobs.limits import BOUNDARY_BYTES_MAX, FORM_PARTS_MAX, PART_HEADERS_BYTES_MAX, PART_HEADERS_MAX

logging.getLogger("python_multipart").setLevel(logging.CRITICAL)
"""The library logs each malformed form, and anybody may send many of them. The client gets the error; our log does not.
"""
Piece = bytes | memoryview
"""Of a body, as it comes: a view where that spares a copy."""
Headers = dict[bytes, bytes]
"""Of a part: each once, its name in lower case."""
_BOUNDARY = re.compile(rb"[\x20-\x7e]*[\x21-\x7e]")
_LINE_END = re.compile(rb"--|[ \t]{0,64}\r\n")
"""The rest of a boundary's line; 64 is more white space than anybody sends."""
_LINE_END_BYTES_MAX = 66
BOUNDARIES_AT_ONCE = 1000
LONG_LINE_BYTES, LONG_LINES_AT_ONCE_BYTES = 36, 256 * 1024
"""Clients' boundaries are so long, and nobody looks through a piece for them once more: full of them it takes 6 ms."""
SLICE_BYTES = 16 * 1024
"""Of a piece that has more of them: 120 ns a byte at the worst (bench.costs)."""
_CUT_SHORT = re.compile(rb"-?|[ \t]{0,64}\r?")


class Parts(Protocol):
    """Who is told of the parts, one after the other."""

    def part_begins(self, headers: Headers) -> None: ...

    def part_data(self, data: Piece) -> None: ...

    def part_ends(self) -> None: ...


class Multipart:
    """Tells `parts` of each part between the lines of `boundary`; what is before the first and behind the last of them
    (preamble and epilogue) is passed over. `ended`: the last one has come.

    By python-multipart, which is given the body from its first boundary on.
    """

    def __init__(self, boundary: bytes, parts: Parts) -> None:
        if len(boundary) > BOUNDARY_BYTES_MAX or not _BOUNDARY.fullmatch(boundary):
            raise ClientFault(f"the form's boundary must be 1 to {BOUNDARY_BYTES_MAX} ASCII characters in Content-Type")
        self._parts, self._count = parts, 0
        self._boundary = b"--" + boundary
        self._preamble: bytes | None = b"\r\n"  # a boundary may be in the very first line
        self._head, self._headers, self._in_name = bytearray(), 0, True
        self._begins: bytes | None = None
        """Of a part's content, as long as it may be a boundary."""
        self.ended = False
        callbacks = {
            "on_part_begin": self._part_begins,
            "on_header_begin": self._header_begins,
            "on_header_field": self._header_field,
            "on_header_value": self._header_value,
            "on_header_end": self._header_ends,
            "on_headers_finished": self._headers_end,
            "on_part_data": self._part_data,
            "on_part_end": self._part_ends,
            "on_end": self._end,
        }
        self._parser = MultipartParser(
            boundary,
            callbacks,  # type: ignore[arg-type]
            max_header_count=PART_HEADERS_MAX + 1,  # ours is said first
            max_header_size=PART_HEADERS_BYTES_MAX,
        )

    def feed(self, data: bytes) -> None:
        """The next bytes of the body. Raises ClientFault, and what `parts` raises."""
        if self.ended:
            return
        if self._preamble is not None:
            data = self._from_the_first(self._preamble + data)
        try:
            self._parser.write(data)
        except FormParserError as error:
            if "header size" in f"{error}":  # of one line, which it measures before it tells of any
                most = PART_HEADERS_BYTES_MAX
                raise LimitExceeded("malformed", "part_headers_bytes_max", most, most + 1) from None
            raise ClientFault(f"this is no form{_said(error)}: {error}") from None

    def slices(self, data: bytes) -> Iterable[bytes]:
        """The slices of `data`, to be fed one after the other. A likely boundary takes up to 4 us. A whole piece may
        have a thousand of them, a slice as many as have room in it."""
        line = b"\r\n" + self._boundary
        is_quick = len(line) >= LONG_LINE_BYTES and len(data) <= LONG_LINES_AT_ONCE_BYTES
        if is_quick or data.count(line) <= BOUNDARIES_AT_ONCE:
            return (data,)
        return (data[at : at + SLICE_BYTES] for at in range(0, len(data), SLICE_BYTES))

    def _from_the_first(self, data: bytes) -> bytes:
        """The part of the body from its first boundary on (its line ends directly after it); b"" until it has come."""
        line, at = b"\r\n" + self._boundary, -1
        while (at := data.find(line, at + 1)) >= 0:
            if end := _LINE_END.match(data, at + len(line)):
                self._preamble = None
                return self._boundary + end[0].lstrip(b" \t") + data[end.end() :]
        self._preamble = data[-(len(line) + _LINE_END_BYTES_MAX) :]
        return b""

    def finish(self) -> None:
        """The body has ended. Raises ClientFault where its last boundary is missing."""
        if not self.ended:
            missing = "its closing boundary" if self._count else "a line with its boundary (CRLF ends lines)"
            raise ClientFault(f"the form ends before {missing}")

    def close(self) -> None:
        """Feed nothing from now on. The parser and this lead to each other; so nothing waits for a look for garbage."""
        self._parser.callbacks = {}

    def _part_begins(self) -> None:
        self._count += 1
        if self._count > FORM_PARTS_MAX:
            raise LimitExceeded("too_many_parts", "form_parts_max", FORM_PARTS_MAX, self._count)
        self._head.clear()
        self._headers = 0

    def _header_begins(self) -> None:
        self._headers += 1
        if self._headers > PART_HEADERS_MAX:
            raise LimitExceeded("malformed", "part_headers_max", PART_HEADERS_MAX, self._headers)
        self._head += b"\r\n" if self._head else b""
        self._in_name = True

    def _header_field(self, data: bytes, start: int, end: int) -> None:
        self._grow(data[start:end])

    def _header_value(self, data: bytes, start: int, end: int) -> None:
        self._grow((b":" if self._in_name else b"") + data[start:end])
        self._in_name = False

    def _header_ends(self) -> None:
        if self._in_name:  # a header without a value
            self._grow(b":")

    def _grow(self, data: bytes) -> None:
        self._head += data
        if len(self._head) > PART_HEADERS_BYTES_MAX:
            came = len(self._head)
            raise LimitExceeded("malformed", "part_headers_bytes_max", PART_HEADERS_BYTES_MAX, came)

    def _headers_end(self) -> None:
        self._parts.part_begins(headers_of(bytes(self._head)))
        self._begins = b""

    def _part_data(self, data: bytes, start: int, end: int) -> None:
        if self._begins == b"" and not data.startswith(b"-", start):
            self._begins = None
        if self._begins is None:
            self._parts.part_data(memoryview(data)[start:end])  # no copy
            return
        self._begins += data[start:end]
        own, behind = self._begins[: len(self._boundary)], self._begins[len(self._boundary) :]
        if own != self._boundary:
            if not self._boundary.startswith(own):
                self._hand_on()
        elif _LINE_END.match(behind):
            raise ClientFault("this is no form: a part without content needs a line end of its own before the boundary")
        elif not _CUT_SHORT.fullmatch(behind):
            self._hand_on()

    def _part_ends(self) -> None:
        self._hand_on()
        self._parts.part_ends()

    def _hand_on(self) -> None:
        begins, self._begins = self._begins, None
        if begins:
            self._parts.part_data(begins)

    def _end(self) -> None:
        self.ended = True


def _said(error: FormParserError) -> str:
    """The error in words for a user: the library's own words name bytes."""
    if "in header" in f"{error}":
        return ": a line of a part's head is no header"
    return ": CRLF ends its lines" if "CR" in f"{error}" or "LF" in f"{error}" else ""


def headers_of(block: bytes) -> Headers:
    """The headers in a part's lines. Raises ClientFault."""
    headers: Headers = {}
    for line in block.split(b"\r\n") if block else []:
        name, colon, value = line.partition(b":")
        name = name.strip().lower()
        if not colon or not name or name in headers:
            what = "is there twice" if name in headers else "is no header"
            raise ClientFault(f"this is no form: a line of a part's head {what}: {line[:40]!r}")
        headers[name] = value.strip()
    return headers
