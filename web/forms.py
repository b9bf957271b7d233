"""The two shapes of an upload's body: a multipart form, parsed as it streams, and the bare image.

Knows nothing of jobs or files: it says what begins, what comes and what ends.
"""

from collections.abc import Callable
from typing import Protocol

from python_multipart.exceptions import FormParserError
from python_multipart.multipart import MultipartParser, parse_options_header

from jobs.errors import ClientFault, LimitExceeded
from jobs.limits import (
    FIELD_BYTES_MAX,
    FILENAME_CHARACTERS_MAX,
    FORM_PARTS_MAX,
    PART_HEADER_BYTES_MAX,
    PART_HEADERS_MAX,
)

Piece = bytes | memoryview
"""Of a body, as it comes: a view where that spares a copy."""


class Files(Protocol):
    """Where the files of a form go."""

    def begin(self, filename: str) -> None: ...

    def write(self, data: Piece) -> None: ...

    def end(self) -> None: ...


class Form:
    """Parses one multipart body: files go to `files`, text parts that are `known` into `fields`, the names
    of the others into `ignored`. A part with an empty file name is absent."""

    def __init__(self, content_type: str, files: Files, known: frozenset[str]) -> None:
        self.fields: dict[str, str] = {}
        self.ignored: list[str] = []
        self._files, self._known = files, known
        self._parts = 0
        self._name = self._header = ""
        self._disposition = b""
        self._text: bytearray | None = None
        self._write: Callable[[Piece], None] = _drop
        self._ended = False
        boundary = parse_options_header(content_type)[1].get(b"boundary", b"")
        callbacks = {
            "on_part_begin": self._part_begins,
            "on_header_field": self._header_field,
            "on_header_value": self._header_value,
            "on_header_end": self._header_ends,
            "on_headers_finished": self._headers_end,
            "on_part_data": lambda data, start, end: self._write(memoryview(data)[start:end]),  # no copy
            "on_part_end": self._part_ends,
            "on_end": self._end,
        }
        if not boundary:
            raise ClientFault("the form has no boundary: Content-Type must carry it")
        try:
            self._parser = MultipartParser(
                boundary,
                callbacks,  # type: ignore[arg-type]
                max_header_count=PART_HEADERS_MAX,
                max_header_size=PART_HEADER_BYTES_MAX,
            )
        except FormParserError as error:
            raise ClientFault(f"this is no form: {error}") from None

    def feed(self, data: bytes) -> None:
        """The next bytes of the body. Raises ClientFault."""
        try:
            self._parser.write(data)
        except FormParserError as error:
            raise ClientFault(f"this is no form: {error}") from None

    def finish(self) -> None:
        """The body has ended."""
        if not self._ended:
            raise ClientFault("the form ends before its closing boundary")

    def _part_begins(self) -> None:
        self._parts += 1
        if self._parts > FORM_PARTS_MAX:
            raise LimitExceeded("too_many_parts", "form_parts_max", FORM_PARTS_MAX, self._parts)
        self._disposition = b""
        self._header = ""

    def _header_field(self, data: bytes, start: int, end: int) -> None:
        self._header += data[start:end].decode("latin-1").lower()

    def _header_value(self, data: bytes, start: int, end: int) -> None:
        if self._header == "content-disposition":
            self._disposition += data[start:end]

    def _header_ends(self) -> None:
        self._header = ""

    def _headers_end(self) -> None:
        _, options = parse_options_header(self._disposition)
        self._name = _text(options.get(b"name", b""))
        filename = options.get(b"filename")
        self._text, self._write = None, _drop
        if filename:
            self._files.begin(plain_filename(_text(filename)))
            self._write = self._files.write
        elif filename is None and self._name in self._known:
            self._text = bytearray()
            self._write = self._text_comes
        elif filename is None:
            self.ignored.append(self._name[:FILENAME_CHARACTERS_MAX])

    def _text_comes(self, data: Piece) -> None:
        assert self._text is not None
        self._text += data
        if len(self._text) > FIELD_BYTES_MAX:
            raise LimitExceeded("upload_too_large", "field_bytes_max", FIELD_BYTES_MAX, len(self._text))

    def _part_ends(self) -> None:
        if self._text is not None:
            if self._name in self.fields:
                raise ClientFault(f"the form has two parts named {self._name}", code="bad_parameter")
            self.fields[self._name] = _text(self._text)
        elif self._write == self._files.write:
            self._files.end()

    def _end(self) -> None:
        self._ended = True


def _drop(_data: Piece) -> None:
    pass


def _text(data: bytes | bytearray) -> str:
    try:
        return data.decode()
    except UnicodeDecodeError:
        raise ClientFault("the form's text is not UTF-8") from None


def plain_filename(name: str) -> str:
    """A client's file name as a label: no folders, no control characters, cut to its limit."""
    base = name.replace("\\", "/").rpartition("/")[2]
    return "".join(character for character in base if character.isprintable())[:FILENAME_CHARACTERS_MAX]
