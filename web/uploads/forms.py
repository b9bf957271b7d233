"""Sorts the parts of a multipart form: images, known text fields, and others, which are ignored.

The syntax is web/http/multipart.py's and web/http/headers.py's. Knows nothing of jobs or stores: it passes the
beginning, the bytes and the end of each file on.
"""

from collections.abc import Callable, Iterable
from functools import partial
from typing import Protocol

from jobs.errors import ClientFault, LimitExceeded
from jobs.limits import FIELD_BYTES_MAX, FILENAME_CHARACTERS_MAX, FORM_BYTES_MAX
from jobs.requests.texts import bad_parameter
from web.http.headers import filename_of, parameters, text_of
from web.http.multipart import Headers, Multipart, Piece
from web.uploads.dialects import TOTALS, judge_total, judge_unknown

_ENCODED = frozenset({b"base64", b"quoted-printable"})
"""Encodings of e-mail. No form needs them (RFC 7578, 4.7), and the image type would be judged by encoded bytes."""


class Files(Protocol):
    """Receives the files of a form. Its methods are called after a whole piece of the body was parsed."""

    def begin(self, filename: str) -> None:
        """A file begins."""

    def write(self, data: Piece) -> None:
        """More bytes of the file."""

    def end(self) -> None:
        """The file is complete."""


class Form:
    """Parses one multipart body. Text parts that are `known` go into `fields`, files to `files`, the names of all other
    parts into `ignored`. A file is a part with a file name or with a type image/*. A part with an empty name and no
    bytes is no file: browsers send it where no file was chosen."""

    def __init__(self, content_type: str, files: Files, known: frozenset[str]) -> None:
        self.fields: dict[str, str] = {}
        self.ignored: list[str] = []
        self._files, self._known = files, known
        self._name = ""
        self._text: bytearray | None = None
        self._write: Callable[[Piece], None] = _drop
        self._beside = 0
        """How many bytes of the body do not belong to files."""
        self._calls: list[Callable[[], None]] = []
        """Calls of `files` that the current piece of the body has caused."""
        boundary = parameters(content_type.encode("latin-1"))[1].get(b"boundary", b"")
        self._body = Multipart(boundary, self)

    def feed(self, data: bytes) -> None:
        """Parse the next bytes of the body. Raises ClientFault, or what `files` raises, whichever stands first."""
        self._beside += len(data)
        try:
            self._body.feed(data)
        finally:
            calls, self._calls = self._calls, []
            for call in calls:
                call()
        if self._beside > FORM_BYTES_MAX:
            raise LimitExceeded("upload_too_large", "form_bytes_max", FORM_BYTES_MAX, self._beside)

    def slices(self, data: bytes) -> Iterable[bytes]:
        """Cut `data` into slices. Each is fed alone, and none holds the loop for long."""
        return self._body.slices(data)

    def finish(self) -> None:
        """The body has ended."""
        self._body.finish()

    def close(self) -> None:
        """Feed nothing from now on. The form leads to itself by these two, and to its files: so their memory is free at
        once, and not after the next look for garbage."""
        self._body.close()
        del self._body, self._write

    def part_begins(self, headers: Headers) -> None:
        """A part begins: decide by its headers what becomes of its bytes. Raises ClientFault."""
        found = parameters(headers.get(b"content-disposition", b""))[1]
        self._name, filename = text_of(found.get(b"name", b"")), filename_of(found)
        if (encoding := headers.get(b"content-transfer-encoding", b"").lower()) in _ENCODED:
            raise ClientFault(f"a part is in {encoding.decode()}: send its bytes as they are", code="unsupported_type")
        self._text, self._write = None, _drop
        if self._name in self._known or self._name in TOTALS:
            self._text = bytearray()
            self._write = self._text_comes
        elif filename is not None or headers.get(b"content-type", b"").lower().startswith(b"image/"):
            self._write = self._first_of_file
            if filename:
                self._begin(filename)
        else:
            judge_unknown(self._name)
            self.ignored.append(self._name[:FILENAME_CHARACTERS_MAX])

    def part_data(self, data: Piece) -> None:
        """Take more bytes of the part. Raises LimitExceeded."""
        self._write(data)

    def part_ends(self) -> None:
        """The part is complete: keep its text, or end its file. Raises ClientFault."""
        if self._text is not None and self._name in TOTALS:
            judge_total(self._name, text_of(self._text))
            self.ignored.append(self._name)
        elif self._text is not None:
            if self._name in self.fields:
                raise bad_parameter(self._name, f"the form has two parts named {self._name}")
            self.fields[self._name] = self._utf8(self._text)
        elif self._write == self._file_comes:
            self._calls.append(self._files.end)

    def _begin(self, filename: str) -> None:
        self._calls.append(partial(self._files.begin, filename))
        self._write = self._file_comes

    def _first_of_file(self, data: Piece) -> None:
        self._begin("")
        self._file_comes(data)

    def _file_comes(self, data: Piece) -> None:
        self._beside -= len(data)
        self._calls.append(partial(self._files.write, data))

    def _text_comes(self, data: Piece) -> None:
        assert self._text is not None
        self._text += data
        if len(self._text) > FIELD_BYTES_MAX:
            raise LimitExceeded("upload_too_large", "field_bytes_max", FIELD_BYTES_MAX, len(self._text))

    def _utf8(self, data: bytearray) -> str:
        try:
            return data.decode()
        except UnicodeDecodeError:
            raise bad_parameter(self._name, f"{self._name} is not UTF-8") from None


def _drop(_data: Piece) -> None:
    pass
