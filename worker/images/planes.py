"""Reads TIFFs whose layout of samples Pillow misreads: each plane is decoded as a gray picture, then they are merged.

Owns the list of these layouts. The tags are worker/images/formats/tiffs.py's, colours are
worker/images/colours/convert.py's.
"""

import io
from collections.abc import Callable, Iterator
from typing import Any, BinaryIO

from PIL import Image, ImageChops, UnidentifiedImageError

from worker.images.colours.convert import to_srgb
from worker.images.formats import tiffs
from worker.images.formats.tiffs import Directory

_MODES = {
    (tiffs.WHITE_IS_ZERO, 1): "L",
    (tiffs.WHITE_IS_ZERO, 2): "LA",
    (tiffs.BLACK_IS_ZERO, 2): "LA",
    (tiffs.RGB, 3): "RGB",
    (tiffs.RGB, 4): "RGBA",
    (tiffs.CMYK, 4): "CMYK",
}
"""The modes that can be merged here, by PhotometricInterpretation and samples per pixel."""
_PREMULTIPLIED = {"LA": "La", "RGBA": "RGBa"}
_UNSPECIFIED, _ASSOCIATED, _STRAIGHT = 0, 1, 2
_JPEG = (6, 7)
_TURNS = {
    2: Image.Transpose.FLIP_LEFT_RIGHT,
    3: Image.Transpose.ROTATE_180,
    4: Image.Transpose.FLIP_TOP_BOTTOM,
    5: Image.Transpose.TRANSPOSE,
    6: Image.Transpose.ROTATE_270,
    7: Image.Transpose.TRANSVERSE,
    8: Image.Transpose.ROTATE_90,
}
_DROPPED = (tiffs.PLANAR, tiffs.EXTRA, tiffs.FORMAT, tiffs.ORIENTATION)
"""Tags that a plane of gray does not have."""


class Layered(Image.Image):
    """A picture that is merged from its planes when it is loaded."""

    format = "TIFF"

    def __init__(self, size: tuple[int, int], mode: str, info: dict[Any, Any], make: Callable[[], Image.Image]) -> None:
        super().__init__()
        self._size, self._mode, self.info = size, mode, info
        self._make: Callable[[], Image.Image] | None = make

    def load(self) -> Any:
        """As Image.load."""
        if self._make is not None:
            made, self._make = self._make(), None
            self.im, self._mode, self._size = made.im, made.mode, made.size
        return super().load()


class Samples:
    """The layout of the samples of one directory."""

    def __init__(self, file: BinaryIO, directory: Directory) -> None:
        self._file, self.directory = file, directory
        self.bits = tiffs.values(file, directory, tiffs.BITS, (1,))
        self.count = self._number(tiffs.SAMPLES, 1)
        self.apart = self.count > 1 and self._number(tiffs.PLANAR, 1) == 2
        self.inverted = self._number(tiffs.PHOTOMETRIC, tiffs.BLACK_IS_ZERO) == tiffs.WHITE_IS_ZERO

    def _number(self, tag: int, default: int) -> int:
        return next(iter(tiffs.values(self._file, self.directory, tag)), default)

    @property
    def sides(self) -> tuple[int, int]:
        """Width and height as stored."""
        return self._number(tiffs.WIDTH, 0), self._number(tiffs.HEIGHT, 0)

    @property
    def mode(self) -> str | None:
        """Pillow's mode of the merged picture. None: it cannot be merged here."""
        return _MODES.get((self._number(tiffs.PHOTOMETRIC, -1), self.count))

    @property
    def extra(self) -> int:
        """The meaning of the sample after the colours (ExtraSamples)."""
        return self._number(tiffs.EXTRA, _STRAIGHT)

    @property
    def orientation(self) -> int:
        """The orientation, with EXIF's numbers."""
        return self._number(tiffs.ORIENTATION, 1)

    def misread(self) -> bool:
        """Whether Pillow misreads this layout, or refuses it."""
        deep = self.bits[0] > 8
        apart = self.apart and (deep or self.count == 2 or self.extra == _UNSPECIFIED)
        other = apart or (deep and (self.count == 2 or self.inverted))
        return other and self._number(tiffs.COMPRESSION, 1) not in _JPEG

    def readable(self) -> bool:
        """Whether this layout can be merged here."""
        alike = len({*self.bits}) == 1 and self.bits[0] in (8, 12, 16) and len(self.bits) == self.count
        plain = self.apart or self.count == 1 or self._number(tiffs.PREDICTOR, 1) == 1
        return self.mode is not None and alike and plain

    def planes(self, data: bytes) -> Iterator[bytes]:
        """The file `data` as gray files, one for each plane. If the samples of a pixel are stored together: one gray
        file that is as many times as wide."""
        gray: dict[int, tuple[int, ...] | None] = dict.fromkeys(_DROPPED)
        gray |= {tiffs.SAMPLES: (1,), tiffs.BITS: self.bits[:1], tiffs.PHOTOMETRIC: (tiffs.BLACK_IS_ZERO,)}
        tiled = tiffs.TILE_OFFSETS in self.directory.entries
        if not self.apart:
            gray |= {tiffs.WIDTH: (self.sides[0] * self.count,)}
            gray |= {tiffs.TILE_WIDTH: (self._number(tiffs.TILE_WIDTH, 0) * self.count,)} if tiled else {}
            yield tiffs.retagged(data, self.directory, gray)
            return
        tags = (tiffs.TILE_OFFSETS, tiffs.TILE_COUNTS) if tiled else (tiffs.OFFSETS, tiffs.COUNTS)
        pieces = {tag: tiffs.values(self._file, self.directory, tag) for tag in tags if tag in self.directory.entries}
        for number in range(self.count):
            own = {
                tag: each[len(each) // self.count * number :][: len(each) // self.count] for tag, each in pieces.items()
            }
            yield tiffs.retagged(data, self.directory, gray | own)


def opened(file: BinaryIO) -> Image.Image:
    """Open the picture of the TIFF in `file`; no pixel is decoded. Raises ImageFault if it cannot be read."""
    directory, is_first = tiffs.picture(file)
    samples = Samples(file, directory)
    try:
        if samples.misread():
            if not samples.readable():
                raise tiffs.not_read(file, directory)
            return _layered(_whole(file), samples)
        source = file if is_first else io.BytesIO(tiffs.retagged(_whole(file), directory, {}))
        return Image.open(source, formats=["TIFF"])
    except UnidentifiedImageError:
        raise tiffs.not_read(file, directory) from None


def _layered(data: bytes, samples: Samples) -> Image.Image:
    with Image.open(io.BytesIO(next(samples.planes(data))), formats=["TIFF"]) as plane:
        info = plane.info
    sides = samples.sides[::-1] if samples.orientation > 4 else samples.sides
    mode = samples.mode or ""
    return Layered(sides, mode, info, lambda: _together(data, samples))


def _together(data: bytes, samples: Samples) -> Image.Image:
    bands = []
    for plane in samples.planes(data):
        with Image.open(io.BytesIO(plane), formats=["TIFF"]) as image:
            image.load()
            bands.append(to_srgb(image, ()))
    if not samples.apart and samples.count > 1:
        whole = bands[0].tobytes()
        bands = [Image.frombytes("L", samples.sides, whole[at :: samples.count]) for at in range(samples.count)]
    if samples.inverted:
        bands[0] = ImageChops.invert(bands[0])
    made = _merged(bands, samples)
    return made.transpose(_TURNS[samples.orientation]) if samples.orientation in _TURNS else made


def _merged(bands: list[Image.Image], samples: Samples) -> Image.Image:
    mode = samples.mode or ""
    if mode not in _PREMULTIPLIED:
        return Image.merge(mode, bands)
    if samples.extra == _UNSPECIFIED:
        return Image.merge(mode.removesuffix("A"), bands[:-1])
    if samples.extra == _ASSOCIATED:
        return Image.merge(_PREMULTIPLIED[mode], bands).convert(mode)
    return Image.merge(mode, bands)


def _whole(file: BinaryIO) -> bytes:
    file.seek(0)
    return file.read()
