"""What a decoder tells of an original beside its renditions, and its form in messages and in the ledger.

Owns the fields and their bounds. Pure: worker/images/facts/ finds them, web shows them. Facts are msgpack of at most
FACTS_BYTES_MAX; a later release may add fields at the end of each struct, with a default.
"""

from typing import Annotated

import msgspec
from msgspec import Meta

from jobs.images.tags import TEXT_CHARACTERS_MAX
from jobs.job import FACTS_BYTES_MAX, Count, Unmet

SAMPLE_SIDE = 96
"""Pixels of the longer side of the small picture from which facts are made."""
LQIP_BYTES_MAX = 400
"""Of the file in a `lqip`."""
PALETTE_MAX = 16
Said = Annotated[str, Meta(max_length=TEXT_CHARACTERS_MAX)]
CodePoint = Annotated[int, Meta(ge=0, le=65535)]
Measure = Annotated[float, Meta(ge=0, le=2**33)]
Colour = Annotated[str, Meta(pattern=r"\A#[0-9a-f]{6}\Z")]


class Placeholder(msgspec.Struct, frozen=True, array_like=True, gc=False):
    """Pictures of a few bytes, of the first frame when upright: `thumbhash` in base64, `blurhash`, and `lqip`, a WebP
    as a data: URI. None: it was not asked for."""

    thumbhash: Annotated[str, Meta(max_length=64, pattern=r"\A[A-Za-z0-9+/]+=*\Z")] | None = None
    blurhash: Annotated[str, Meta(max_length=64, pattern=r"\A[!-~]+\Z")] | None = None
    lqip: Annotated[str, Meta(max_length=640, pattern=r"\Adata:image/webp;base64,[A-Za-z0-9+/]+=*\Z")] | None = None


class Location(msgspec.Struct, frozen=True, array_like=True, gc=False):
    """Where a photo was taken: degrees north and east, and metres above the sea."""

    latitude: Annotated[float, Meta(ge=-90, le=90)]
    longitude: Annotated[float, Meta(ge=-180, le=180)]
    altitude: Annotated[float, Meta(ge=-1e9, le=1e9)] | None = None


class Info(msgspec.Struct, frozen=True, array_like=True, gc=False):
    """The facts of `info`, as web/views/shapes.py describes them. `unmet`: the words of a rendition for colours that
    were not converted, or not whole."""

    orientation: Annotated[int, Meta(ge=1, le=8)]
    frames: Count
    pages: Count
    duration_ms: Count | None
    plays: Count | None
    alpha: bool
    opaque: bool
    bits: Annotated[int, Meta(ge=1, le=64)] | None
    space: Annotated[str, Meta(pattern=r"\A(gray|rgb|cmyk|palette)\Z")] | None
    chroma: Annotated[str, Meta(pattern=r"\A4:[0-4]:[0-4]\Z")] | None
    progressive: bool
    density: Annotated[float, Meta(ge=0, le=1e9)] | None
    profile: Said | None
    code_points: tuple[CodePoint, CodePoint] | None
    unmet: Unmet
    gain_map: bool
    phash: Annotated[str, Meta(pattern=r"\A[0-9a-f]{16}\Z")]
    average: Colour | None
    palette: Annotated[tuple[Colour, ...], Meta(max_length=PALETTE_MAX)] = ()
    captured_at: Annotated[str, Meta(max_length=32)] | None = None
    make: Said | None = None
    model: Said | None = None
    lens: Said | None = None
    exposure: Measure | None = None
    f_number: Measure | None = None
    iso: Count | None = None
    focal_mm: Measure | None = None
    artist: Said | None = None
    copyright: Said | None = None
    location: Location | None = None
    serial: Said | None = None
    owner: Said | None = None


class Facts(msgspec.Struct, frozen=True, array_like=True, gc=False):
    """`sides`: as stored. `dominant_colour`: None if the picture is transparent."""

    sides: tuple[Count, Count]
    dominant_colour: Colour | None = None
    placeholder: Placeholder | None = None
    info: Info | None = None


_encoder = msgspec.msgpack.Encoder()
_decode = msgspec.msgpack.Decoder(Facts).decode


def encode(facts: Facts) -> bytes:
    """Its form in messages. Raises ValueError if it is too long."""
    made = _encoder.encode(facts)
    if len(made) > FACTS_BYTES_MAX:
        raise ValueError(f"facts of {len(made)} bytes pass {FACTS_BYTES_MAX}")
    return made


def decode(data: bytes) -> Facts | None:
    """The facts; None if there are none, or if this release cannot read them."""
    try:
        return _decode(data) if data else None
    except (msgspec.MsgspecError, UnicodeDecodeError):
        return None
