"""The third image library: libturbojpeg, where the system has it. JPEG as planes, without a conversion of colours.

Owns its loading and its two operations: decode a JPEG to its planes, and encode planes as a JPEG. A plane is a Pillow
picture of mode L. The calls are those of TurboJPEG 1.4 and later (turbojpeg.h). If one fails, the result is None: then
Pillow does the work, and reports any fault. jobs/recipes/libraries.py decides when it is used. Starts no thread, and
opens no file after it was loaded.
"""

import ctypes
from ctypes import POINTER, byref, c_char, c_char_p, c_int, c_ulong, c_void_p
from typing import Any, NamedTuple

from PIL import Image

from host.settings.extras import turbojpeg_file
from jobs.images.turns import Size
from worker.images.formats import pixels

FILE = turbojpeg_file()
INSTALLED = bool(FILE)
VERSION = f"+{FILE}" if INSTALLED else ""

GRAY = 3
SAMPLES = {0: (1, 1), 1: (2, 1), 2: (2, 2), 4: (1, 2), 5: (4, 1), 6: (1, 4)}
"""TJSAMP: how many pixels, by axis, share one sample of chroma. Of gray there is none."""
_CODES = {sample: code for code, sample in SAMPLES.items()}
_COLOURS = (1, 2)
"""TJCS_YCbCr and TJCS_GRAY: what the planes of a JPEG may be."""
_ACCURATE, _PROGRESSIVE = 4096, 16384
"""TJFLAG_ACCURATEDCT, as Pillow has it, and TJFLAG_PROGRESSIVE."""

_Ints, _Pointers = POINTER(c_int), POINTER(c_void_p)
_SIGNATURES: dict[str, tuple[Any, ...]] = {
    "tjInitDecompress": (c_void_p,),
    "tjInitCompress": (c_void_p,),
    "tjDecompressHeader3": (c_int, c_void_p, c_char_p, c_ulong, _Ints, _Ints, _Ints, _Ints),
    "tjDecompressToYUVPlanes": (c_int, c_void_p, c_char_p, c_ulong, _Pointers, c_int, _Ints, c_int, c_int),
    "tjCompressFromYUVPlanes": (
        c_int, c_void_p, _Pointers, c_int, _Ints, c_int, c_int, _Pointers, POINTER(c_ulong), c_int, c_int,
    ),
    "tjPlaneWidth": (c_int, c_int, c_int, c_int),
    "tjPlaneHeight": (c_int, c_int, c_int, c_int),
    "tjFree": (None, c_void_p),
}  # fmt: skip
"""By name: the type of the result, and those of the arguments."""


class Library:
    """libturbojpeg as it was loaded, with one decoder and two encoders, which are used again for each picture.

    A progressive file gets Huffman tables of its own. The encoder keeps them, and would write the next plain file with
    them, which may lack its symbols. So `encoders` has one for each kind: plain, and progressive.
    """

    def __init__(self, file: str) -> None:
        self.calls: Any = ctypes.CDLL(file)
        for name, (result, *arguments) in _SIGNATURES.items():
            call = getattr(self.calls, name)
            call.restype, call.argtypes = result, arguments
        self.decoder = self.calls.tjInitDecompress()
        self.encoders = self.calls.tjInitCompress(), self.calls.tjInitCompress()


if INSTALLED:
    pixels.keep_in_one_block()
    _library = Library(FILE)


class Header(NamedTuple):
    """What the library reads of a JPEG: its sides, and how its chroma is sampled (TJSAMP)."""

    size: Size
    sampling: int


def header(data: bytes) -> Header | None:
    """The header of a JPEG. None: its planes are not luma and chroma, or they are sampled in a way unknown here."""
    width, height, sampling, colours = c_int(), c_int(), c_int(), c_int()
    sides = byref(width), byref(height)
    calls = _library.calls
    if calls.tjDecompressHeader3(_library.decoder, data, len(data), *sides, byref(sampling), byref(colours)):
        return None
    known = colours.value in _COLOURS and sampling.value in (GRAY, *SAMPLES)
    return Header(Size(width.value, height.value), sampling.value) if known else None


def decode(data: bytes, head: Header, scale: int) -> list[Image.Image] | None:
    """The planes of a JPEG at 1/`scale`, sides rounded up: luma and, unless it is gray, both of chroma. The sides of a
    plane may be larger than its picture, by less than a sample of chroma. None: the file is damaged, or memory is
    lacking."""
    size = Size(-(-head.size.width // scale), -(-head.size.height // scale))
    planes = [Image.new("L", _sides(index, size, head.sampling), None) for index in range(_count(head.sampling))]
    failed = _library.calls.tjDecompressToYUVPlanes(
        _library.decoder, data, len(data), _addresses(planes), size.width, _strides(planes), size.height, _ACCURATE
    )
    return None if failed else planes


def encode(planes: list[Image.Image], size: Size, quality: int, *, progressive: bool) -> bytes | None:
    """A JPEG of a picture of this `size`. The sides of chroma tell how it is sampled: as luma, or half of that. None:
    memory is lacking."""
    sampling = _CODES[_sampled(planes, size)] if len(planes) > 1 else GRAY
    if [plane.size for plane in planes] != [_sides(index, size, sampling) for index in range(len(planes))]:
        planes = _padded(planes, size, sampling)
    place, length = c_void_p(), c_ulong()
    failed = _library.calls.tjCompressFromYUVPlanes(
        _library.encoders[progressive], _addresses(planes), size.width, _strides(planes), size.height, sampling,
        byref(place), byref(length), quality, _ACCURATE | (_PROGRESSIVE if progressive else 0),
    )  # fmt: skip
    try:
        return None if failed or not place.value else ctypes.string_at(place.value, length.value)
    finally:
        _library.calls.tjFree(place)


def _count(sampling: int) -> int:
    return 1 if sampling == GRAY else 3


def _sides(index: int, size: Size, sampling: int) -> tuple[int, int]:
    """The sides of a plane, as the library expects them."""
    calls = _library.calls
    return calls.tjPlaneWidth(index, size.width, sampling), calls.tjPlaneHeight(index, size.height, sampling)


def _sampled(planes: list[Image.Image], size: Size) -> tuple[int, int]:
    """How many pixels, by axis, share one sample of chroma: 1 or 2."""
    width, height = planes[1].size
    return (1 if width >= size.width else 2), (1 if height >= size.height else 2)


def _padded(planes: list[Image.Image], size: Size, sampling: int) -> list[Image.Image]:
    """Luma with its last column and row repeated: of an odd side the library wants one pixel more."""
    made = []
    for index, plane in enumerate(planes):
        wider = Image.new("L", _sides(index, size, sampling), None)
        width, height = plane.size
        wider.paste(plane)
        if wider.width > width:
            wider.paste(wider.crop((width - 1, 0, width, height)), (width, 0))
        if wider.height > height:
            wider.paste(wider.crop((0, height - 1, wider.width, height)), (0, height))
        made.append(wider)
    return made


def _addresses(planes: list[Image.Image]) -> Any:
    views = [c_char.from_buffer(pixels.memory(plane)) for plane in planes]
    return (c_void_p * 3)(*map(ctypes.addressof, views))


def _strides(planes: list[Image.Image]) -> Any:
    return (c_int * 3)(*(plane.width for plane in planes))
