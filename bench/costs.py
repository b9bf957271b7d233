"""How long a client's bytes hold a web process's event loop: `python -m bench.costs`.

Each row is a piece of work that grows with what a client sends, on the worst input known, as large as the limit lets
it be: microseconds, nanoseconds a byte. While it lasts, nobody else of that process is served.
"""

import json
import struct
import time
from collections.abc import Callable, Iterator
from contextlib import suppress

from starlette.requests import Request

from bench import report
from jobs import exif
from jobs.errors import PixmillError
from jobs.imagehead import HEAD_BYTES, read_head
from jobs.limits import FIELD_BYTES_MAX, HEAD_BYTES_MAX, PART_HEADERS_BYTES_MAX, RECIPE_BYTES_MAX
from jobs.pieces import Passing
from jobs.presets import Recipes, load_presets
from web import accept, asked, call, files, uploads
from web.forms import Form
from web.multipart import Piece
from web.who import COOKIE

ROUNDS = 5
PIECE_BYTES = 256 * 1024
"""What a connection reads at once: between two of them others have their turn."""
RECIPES = Recipes(load_presets('[[presets.default.renditions]]\nname = "a"\n'), {})
HEADER = HEAD_BYTES_MAX - 200


class _Nowhere:
    def begin(self, filename: str) -> None: ...

    def write(self, data: Piece) -> None: ...

    def end(self) -> None: ...


def _filled(unit: bytes, size: int) -> bytes:
    return (unit * (size // len(unit) + 1))[:size]


def _forms() -> Iterator[tuple[str, bytes]]:
    """Heads of parts, and boundaries that are none."""
    room = PART_HEADERS_BYTES_MAX - 100
    disposition = b'Content-Disposition: form-data; filename="'
    inside = {
        "quotation of semicolons": b";",
        "escapes": b'\\"',
        "encoded words": b"=?utf-8?q?a?=",
        "no UTF-8": b"\xff",
        "unseen characters": "\u202e".encode(),
    }
    for name, unit in inside.items():
        yield name, _filled(b"--XX\r\n" + disposition + _filled(unit, room) + b'"\r\n\r\nx\r\n', PIECE_BYTES)
    yield "parameters", b"--XX\r\nContent-Disposition: x" + _filled(b";a", room) + b"\r\n\r\n"
    yield "empty parts", _filled(b"--XX\r\n\r\n\r\n\r\n", PIECE_BYTES)
    yield "boundaries cut short", b"--XX\r\n\r\n\r\n" + _filled(b"\r\n--X", PIECE_BYTES)
    yield "boundaries too long", b"--XX\r\n\r\n\r\n" + _filled(b"\r\n--XXX", PIECE_BYTES)
    yield "white space behind boundaries", b"--XX\r\n\r\n\r\n" + _filled(b"\r\n--XX" + b" " * 70, PIECE_BYTES)


def _read_form(body: bytes) -> None:
    Form("multipart/form-data; boundary=XX", _Nowhere(), asked.FIELDS).feed(body)


def _request(name: str, value: bytes) -> Request:
    return Request({"type": "http", "headers": [(name.encode(), value)], "query_string": value, "method": "POST"})


def _read_query(request: Request) -> None:
    call.refuse_long_query(request)
    call.read_query(request, ("a",))


def _headers() -> Iterator[tuple[str, bytes, Callable[[bytes], object]]]:
    yield "Cookie", _filled(b"a=b;", HEADER), lambda value: _request("cookie", value).cookies.get(COOKIE)
    yield "query", _filled(b"a=b&", HEADER), lambda value: _read_query(_request("x", value))
    yield "If-None-Match", _filled(b'"a",', HEADER), lambda value: files._matches(value.decode(), '"x"')
    yield "Prefer", _filled(b"wait ,", HEADER), lambda value: accept._WAIT.search(value.decode())
    yield (
        "Content-Digest",
        _filled(b"a=b,", HEADER),
        lambda value: uploads.claimed_digest(_request("content-digest", value)),
    )
    yield (
        "Content-Type",
        b"multipart/form-data" + _filled(b";a", HEADER),
        lambda value: Form(value.decode(), _Nowhere(), asked.FIELDS),
    )
    yield "Authorization", b"Bearer g1." + _filled(b"a", HEADER), lambda value: _request("authorization", value)


def _bodies() -> Iterator[tuple[str, bytes, Callable[[bytes], object]]]:
    def read(body: bytes) -> object:
        return asked.from_values(asked.read_object(body), RECIPES)

    yield "JSON, deep", b'{"metadata":' + _filled(b"[", FIELD_BYTES_MAX - 20), read
    yield "JSON, deep and closed", b'{"metadata":' + b"[" * 30_000 + b"]" * 30_000 + b"}", read
    yield "JSON, many", b'{"metadata":[' + _filled(b"{},", FIELD_BYTES_MAX - 20) + b"{}]}", read
    keys = b",".join(b'"%05d":0' % number for number in range(FIELD_BYTES_MAX // 10 - 10))
    yield "JSON, many keys", b"{" + keys + b"}", read
    recipe = {"renditions": [{"name": f"{number:02}", "width": 9} for number in range(16)]}
    yield "recipe", json.dumps({"recipe": recipe}).encode().ljust(RECIPE_BYTES_MAX), read


def _heads() -> Iterator[tuple[str, bytes]]:
    yield "JPEG, padding", b"\xff\xd8" + _filled(b"\xff", HEAD_BYTES - 2)
    yield "JPEG, markers", b"\xff\xd8" + _filled(b"\xff\xd0", HEAD_BYTES - 2)
    yield "JPEG, segments", b"\xff\xd8" + _filled(b"\xff\xe0\0\2", HEAD_BYTES - 2)
    yield "PNG, chunks", b"\x89PNG\r\n\x1a\n" + _filled(struct.pack(">I4sI", 0, b"abcd", 0), HEAD_BYTES - 8)
    box = struct.pack(">I4s4sI", 16, b"ftyp", b"avif", 0)
    yield "AVIF, sides", box + _filled(b"ispe" + bytes(12), HEAD_BYTES - 16)
    yield "TIFF, tags", b"II*\0\x08\0\0\0\xff\xff" + _filled(b"\0\1\3\0\1\0\0\0\1\0\0\0", HEAD_BYTES - 10)


def _read_image(data: bytes) -> None:
    if read_head(data):
        turned = Passing(exif.reading_orientation())
        turned.feed(data)
        turned.end()


def _all() -> Iterator[tuple[str, bytes, Callable[[bytes], object]]]:
    yield from ((f"form: {name}", body, _read_form) for name, body in _forms())
    yield from ((f"header: {name}", value, work) for name, value, work in _headers())
    yield from ((f"body: {name}", body, work) for name, body, work in _bodies())
    yield from ((f"head: {name}", data, _read_image) for name, data in _heads())


def _seconds(work: Callable[[bytes], object], data: bytes) -> float:
    """The least of some rounds: what it takes, whatever else runs here."""
    taken = []
    for _ in range(ROUNDS):
        began = time.perf_counter()
        with suppress(PixmillError):
            work(data)
        taken.append(time.perf_counter() - began)
    return min(taken)


def main() -> None:
    """Print the table, and the worst of it."""
    rows = [(name, len(data), _seconds(work, data)) for name, data, work in _all()]
    report.table(
        ("work", "bytes", "us", "ns/byte"), [(name, size, took * 1e6, took / size * 1e9) for name, size, took in rows]
    )
    name, _, worst = max(rows, key=lambda row: row[2])
    report.close("costs", {"worst_ms": round(worst * 1e3, 2), "worst": name})


if __name__ == "__main__":
    main()
