"""Files with any declaration of colours, made byte by byte; and the formulas for the colours that they must show."""

import io
import struct
import zlib
from collections.abc import Sequence

from PIL import Image

Colour = tuple[int, int, int]
SIDE = 8
P3_TO_SRGB = ((1.2249401, -0.2249402, 0.0), (-0.0420569, 1.0420571, 0.0), (-0.0196376, -0.0786361, 1.0982735))
BT2020_TO_SRGB = (
    (1.660491, -0.5876411, -0.0728499),
    (-0.1245505, 1.1328999, -0.0083494),
    (-0.0181508, -0.1005789, 1.1187297),
)
P3_ENDPOINTS = (0.68, 0.32, 0.0, 0.265, 0.69, 0.045, 0.15, 0.06, 0.79)
SRGB_ENDPOINTS = (0.64, 0.33, 0.03, 0.30, 0.60, 0.10, 0.15, 0.06, 0.79)
SRGB_XYZ = (0.4124, 0.2126, 0.0193, 0.3576, 0.7152, 0.1192, 0.1805, 0.0722, 0.9505)
SRGB_COLORANTS = ((0.43607, 0.22249, 0.01392), (0.38515, 0.71687, 0.09708), (0.14307, 0.06061, 0.71410))
SRGB_CURVE = b"para\0\0\0\0" + struct.pack(">HH5i", 3, 0, 157286, 62119, 3417, 5073, 2651)
"""Of exponent 2.4, 1/1.055, 0.055/1.055, 1/12.92 and 0.04045."""


def light(sample: float) -> float:
    """The light of an sRGB sample from 0 to 255."""
    sample /= 255
    return sample / 12.92 if sample <= 0.04045 else ((sample + 0.055) / 1.055) ** 2.4


def sample(light: float) -> int:
    """The sRGB sample from 0 to 255 of this light."""
    light = min(1.0, max(0.0, light))
    return round(255 * (12.92 * light if light <= 0.0031308 else 1.055 * light ** (1 / 2.4) - 0.055))


def through(matrix: Sequence[Sequence[float]], lights: Sequence[float]) -> Colour:
    """The sRGB samples of linear `lights` of other primaries."""
    red, green, blue = (sample(sum(a * b for a, b in zip(row, lights, strict=True))) for row in matrix)
    return red, green, blue


def chunk(kind: bytes, body: bytes) -> bytes:
    return struct.pack(">I", len(body)) + kind + body + struct.pack(">I", zlib.crc32(kind + body))


def png(colour: Sequence[int], *chunks: tuple[bytes, bytes]) -> bytes:
    """Of one channel, or as many as `colour` has."""
    kind = {1: 0, 2: 4, 3: 2, 4: 6}[len(colour)]
    head = chunk(b"IHDR", struct.pack(">IIBBBBB", SIDE, SIDE, 8, kind, 0, 0, 0))
    pixels = chunk(b"IDAT", zlib.compress((b"\0" + bytes(colour) * SIDE) * SIDE))
    return b"\x89PNG\r\n\x1a\n" + head + b"".join(chunk(*each) for each in chunks) + pixels + chunk(b"IEND", b"")


def cicp(primaries: int, transfer: int, full: int = 1) -> tuple[bytes, bytes]:
    return b"cICP", bytes((primaries, transfer, 0, full))


def gamma(encoding: float) -> tuple[bytes, bytes]:
    return b"gAMA", struct.pack(">I", round(encoding * 100_000))


def chromaticities(*values: float) -> tuple[bytes, bytes]:
    """x and y of white, red, green and blue."""
    return b"cHRM", struct.pack(">8I", *(round(value * 100_000) for value in values))


def profiled(profile: bytes) -> tuple[bytes, bytes]:
    return b"iCCP", b"a profile\0\0" + zlib.compress(profile)


def avif(colour: Colour, primaries: int, transfer: int) -> bytes:
    """An AVIF that Pillow writes, with other code points."""
    stream = io.BytesIO()
    Image.new("RGB", (32, 32), colour).save(stream, "AVIF", quality=100, subsampling="4:4:4")
    data = bytearray(stream.getvalue())
    struct.pack_into(">HH", data, data.index(b"colrnclx") + 8, primaries, transfer)
    return bytes(data)


def bmp(
    colour: Colour,
    kind: bytes = bytes(4),
    endpoints: Sequence[float] = (0.0,) * 9,
    gammas: Sequence[float] = (0.0,) * 3,
    profile: bytes = b"",
    size: int = 124,
) -> bytes:
    """Under a header of version 5, or 4 (`size` 108)."""
    pixels = bytes(reversed(colour)) * SIDE * SIDE
    header = struct.pack("<IiiHHIIiiII", size, SIDE, SIDE, 1, 24, 0, len(pixels), 2835, 2835, 0, 0) + bytes(16) + kind
    header += struct.pack("<9i", *(round(each * 2**30) for each in endpoints))
    header += struct.pack("<3I", *(round(each * 65536) for each in gammas))
    header += struct.pack("<4I", 4, size + len(pixels), len(profile), 0)[: size - len(header)]
    start = struct.pack("<2sIHHI", b"BM", 14 + size + len(pixels) + len(profile), 0, 0, 14 + size)
    return start + header + pixels + profile


def power(exponent: float) -> bytes:
    """A curve of a profile."""
    return b"curv\0\0\0\0" + struct.pack(">IH", 1, round(exponent * 256)) + bytes(2)


def profile(
    name: str,
    curve: bytes,
    colorants: Sequence[Sequence[float]] = SRGB_COLORANTS,
    *,
    kind: bytes = b"mntr",
    space: bytes = b"RGB ",
    more: dict[bytes, bytes] | None = None,
) -> bytes:
    """A matrix profile (or, of `GRAY`, one curve), of any description."""
    tags = {b"desc": b"desc\0\0\0\0" + struct.pack(">I", len(name) + 1) + name.encode() + bytes(79)}
    tags |= {b"cprt": b"text\0\0\0\0CC0\0", b"wtpt": _xyz((0.9642, 1, 0.8249))}
    if space == b"GRAY":
        tags[b"kTRC"] = curve
    else:
        tags |= {name: _xyz(each) for name, each in zip((b"rXYZ", b"gXYZ", b"bXYZ"), colorants, strict=True)}
        tags |= dict.fromkeys((b"rTRC", b"gTRC", b"bTRC"), curve)
    tags |= more or {}
    table, body, start = b"", b"", 128 + 4 + 12 * len(tags)
    for tag, value in tags.items():
        table += tag + struct.pack(">II", start + len(body), len(value))
        body += value + bytes(-len(value) % 4)
    head = struct.pack(">I4xI", start + len(body), 0x02400000) + kind + space + b"XYZ "
    head += struct.pack(">6H", 2020, 1, 1, 0, 0, 0) + b"acsp"
    head += bytes(68 - len(head)) + struct.pack(">3i", 63190, 65536, 54061)
    return head + bytes(128 - len(head)) + struct.pack(">I", len(tags)) + table + body


def _xyz(values: Sequence[float]) -> bytes:
    return b"XYZ \0\0\0\0" + struct.pack(">3i", *(round(each * 65536) for each in values))
