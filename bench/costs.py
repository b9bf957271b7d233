"""How long a client's bytes hold a web process's event loop: `python -m bench.costs`.

Each row is a kind of work whose cost grows with the client's bytes. It is run on the worst known input, of the largest
allowed size. The figures are microseconds in total, nanoseconds per byte, and the longest hold: how long the loop
serves nobody else. Input that is costly to parse, such as a form full of false boundaries, is fed in slices, and the
loop serves others between two slices. The longest hold is then the time of the longest
slice plus that of the work which may run just before it.
"""

import json
import struct
import time
from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import suppress

from starlette.requests import Request

from bench.parts import report
from jobs.errors import PixmillError
from jobs.images import exif
from jobs.images.head import HEAD_BYTES, HeadReader
from jobs.images.pieces import Passing
from jobs.limits import FIELD_BYTES_MAX, HEAD_BYTES_MAX, PART_HEADERS_BYTES_MAX, RECIPE_BYTES_MAX
from jobs.recipes.presets import Recipes, load_presets
from jobs.requests import fields
from web.access import call
from web.access.caller import COOKIE
from web.handlers import files
from web.http.body import TURN_SECONDS, claimed_digest, sliced, whole
from web.http.json import read_object
from web.http.multipart import Piece
from web.uploads import answer
from web.uploads.forms import Form

ROUNDS = 5
PIECE_BYTES = 256 * 1024
"""Bytes that a connection reads at once."""
Feed = Callable[[bytes], object]
RECIPES = Recipes(load_presets('[[presets.default.renditions]]\nname = "a"\n'), {})
HEADER = HEAD_BYTES_MAX - 200


class _Nowhere:
    def begin(self, filename: str) -> None: ...

    def write(self, data: Piece) -> None: ...

    def end(self) -> None: ...


def _filled(unit: bytes, size: int) -> bytes:
    return (unit * (size // len(unit) + 1))[:size]


def _forms() -> Iterator[tuple[str, bytes]]:
    """The worst forms: many part headers, and many false boundaries."""
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
    yield "boundaries that nearly end", b"--XX\r\n\r\n\r\n" + _filled(b"\r\n--XX-", PIECE_BYTES)
    yield "white space behind boundaries", b"--XX\r\n\r\n\r\n" + _filled(b"\r\n--XX" + b" " * 70, PIECE_BYTES)


def _new_form() -> Form:
    return Form("multipart/form-data; boundary=XX", _Nowhere(), fields.FIELDS)


SLICED: dict[str, Callable[[bytes], Iterable[bytes]]] = {
    "form": lambda data: _new_form().slices(data),
    "image": sliced,
}


def _form() -> Feed:
    return _new_form().feed


def _request(name: str, value: bytes) -> Request:
    return Request({"type": "http", "headers": [(name.encode(), value)], "query_string": value, "method": "POST"})


def _read_query(request: Request) -> None:
    call.refuse_long_query(request)
    call.read_query(request, ("a",))


def _headers() -> Iterator[tuple[str, bytes, Callable[[bytes], object]]]:
    yield "Cookie", _filled(b"a=b;", HEADER), lambda value: _request("cookie", value).cookies.get(COOKIE)
    yield "query", _filled(b"a=b&", HEADER), lambda value: _read_query(_request("x", value))
    yield "If-None-Match", _filled(b'"a",', HEADER), lambda value: files._matches(value.decode(), '"x"')
    yield "Prefer", _filled(b"wait ,", HEADER), lambda value: answer._WAIT.search(value.decode())
    yield (
        "Content-Digest",
        _filled(b"a=b,", HEADER),
        lambda value: claimed_digest(_request("content-digest", value)),
    )
    yield (
        "Content-Type",
        b"multipart/form-data" + _filled(b";a", HEADER),
        lambda value: Form(value.decode(), _Nowhere(), fields.FIELDS),
    )
    yield "Authorization", b"Bearer g1." + _filled(b"a", HEADER), lambda value: _request("authorization", value)


def _bodies() -> Iterator[tuple[str, bytes, Callable[[bytes], object]]]:
    def read(body: bytes) -> object:
        return fields.from_values(read_object(body), RECIPES)

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


def _image() -> Feed:
    """Reads the image as an upload does (its head) and as POST /recipes/explain does (all of it)."""
    reader, turned = HeadReader(), Passing(exif.reading_orientation())

    def feed(data: bytes) -> None:
        reader.feed(data)
        turned.feed(data)

    return feed


def _all() -> Iterator[tuple[str, bytes, Callable[[], Feed]]]:
    yield from ((f"form: {name}", body, _form) for name, body in _forms())
    yield from ((f"header: {name}", value, lambda work=work: work) for name, value, work in _headers())
    yield from ((f"body: {name}", body, lambda work=work: work) for name, body, work in _bodies())
    yield from ((f"head: {name}", data, _image) for name, data in _heads())
    yield "image: JPEG, segments", b"\xff\xd8" + _filled(b"\xff\xe0\0\2", PIECE_BYTES - 2), _image


def _took(feed: Feed, data: bytes) -> float:
    began = time.thread_time()  # does not count other processes
    with suppress(PixmillError):
        feed(data)
    return time.thread_time() - began


def _seconds(begin: Callable[[], Feed], slices: Sequence[bytes]) -> tuple[float, float]:
    """The time of all slices, and of the longest one. Each is the minimum of some rounds, because other processes
    disturb."""
    rounds = []
    for _ in range(ROUNDS):
        feed = begin()
        rounds.append([_took(feed, data) for data in slices])
    return min(map(sum, rounds)), min(map(max, rounds))


def main() -> None:
    """Print the table, and the worst of it."""
    rows = []
    for name, data, begin in _all():
        slices = list(SLICED.get(name.partition(":")[0], whole)(data))
        took, longest = _seconds(begin, slices)
        before = min(TURN_SECONDS, took - longest)
        rows.append((name, len(data), took * 1e6, took / len(data) * 1e9, (longest + before) * 1e3))
    report.table(("work", "bytes", "us", "ns/byte", "hold ms"), rows)
    worst = max(rows, key=lambda row: row[-1])
    report.close("costs", {"worst_ms": round(worst[-1], 2), "worst": worst[0]})


if __name__ == "__main__":
    main()
