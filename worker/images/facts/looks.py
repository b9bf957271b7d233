"""What an original looks like, from a small picture of it: the placeholders.

Owns the sizes at which this is found. Knows no file and no recipe.
"""

import base64
import io
from collections.abc import Collection
from typing import Any

from PIL import Image

from jobs.images.facts import LQIP_BYTES_MAX, Placeholder
from jobs.images.turns import Size
from worker.images.facts.blurhash import Parts, blurhash
from worker.images.facts.thumbhash import thumbhash

HASHED_SIDE = 24
"""Of the picture that is hashed. The time grows with its pixels, and no hash has more than 7 waves along a side."""
LQIP_SIDE = 20
_PALETTE_SIDE = 48
"""Of a picture with alpha, whose pixels are looked at one by one."""
_SOLID = 128
"""From this alpha on a pixel counts for the palette."""
_LQIP_QUALITIES = (60, 40, 20, 5)
_BLURHASH_PARTS = Parts(4, 3)
"""Of a picture that is wider than high, as Mastodon has them; else 3 across and 4 down."""


def within(size: Size, side: int) -> Size:
    """The sides of a picture of `size` that was scaled down until no side is longer than `side`."""
    share = min(1.0, side / max(size))
    return Size(*(max(1, round(each * share)) for each in size))


def small(image: Image.Image, side: int) -> Image.Image:
    """`image`, no side of it longer than `side`."""
    size = within(Size(*image.size), side)
    return image if size == image.size else image.resize(size, Image.Resampling.BOX, reducing_gap=2.0)


def placeholder(sample: Image.Image, colour: str | None, kinds: Collection[str]) -> Placeholder:
    """The placeholders of these `kinds`, of an upright sRGB `sample`. `colour`: under what is transparent (#rrggbb)."""
    hashed = small(sample, HASHED_SIDE)
    return Placeholder(
        thumbhash=_thumbhash(hashed) if "thumbhash" in kinds else None,
        blurhash=_blurhash(over(hashed, colour)) if "blurhash" in kinds else None,
        lqip=_lqip(small(sample, LQIP_SIDE)) if "lqip" in kinds else None,
    )


def _thumbhash(image: Image.Image) -> str:
    return base64.b64encode(thumbhash(*image.size, image.convert("RGBA").tobytes())).decode()


def _blurhash(image: Image.Image) -> str:
    parts = _BLURHASH_PARTS if image.width >= image.height else Parts(*_BLURHASH_PARTS[::-1])
    return blurhash(*image.size, image.tobytes(), parts)


def phash(sample: Image.Image) -> str:
    """The difference hash of a picture, 64 bits in hex: for each of 8 x 8 places, whether it is lighter than its right
    neighbour. Alike pictures differ in few bits."""
    luma = over(sample, None).convert("L").resize((9, 8), Image.Resampling.BOX).tobytes()
    bits = 0
    for row in range(8):
        for at in range(9 * row, 9 * row + 8):
            bits = bits << 1 | (luma[at] > luma[at + 1])
    return f"{bits:016x}"


def average(sample: Image.Image) -> str | None:
    """The mean colour (#rrggbb), in which each pixel counts by its alpha; None: all is transparent."""
    red, green, blue, alpha = sample.convert("RGBA").resize((1, 1), Image.Resampling.BOX).tobytes()
    return f"#{red:02x}{green:02x}{blue:02x}" if alpha else None


def palette(sample: Image.Image, number: int) -> tuple[str, ...]:
    """At most so many colours (#rrggbb) that stand for all that is not transparent, the most frequent one first."""
    picture = sample.convert("RGB") if sample.mode in ("L", "RGB") else _solid(small(sample, _PALETTE_SIDE))
    if picture is None:
        return ()
    found = picture.quantize(number, Image.Quantize.MEDIANCUT)
    colours = found.getpalette() or []
    counted: Any = found.getcolors(number)
    shares = sorted(counted, key=lambda each: (-each[0], each[1]))
    return tuple("#" + bytes(colours[3 * index : 3 * index + 3]).hex() for _, index in shares)


def _solid(image: Image.Image) -> Image.Image | None:
    """The pixels that are not transparent, in a row; None if all are."""
    rgba = image.convert("RGBA").tobytes()
    found = b"".join(rgba[at : at + 3] for at in range(0, len(rgba), 4) if rgba[at + 3] >= _SOLID)
    return Image.frombytes("RGB", (len(found) // 3, 1), found) if found else None


def over(image: Image.Image, colour: str | None) -> Image.Image:
    """`image` over a colour (#rrggbb; None: white), as RGB."""
    if image.mode in ("L", "RGB"):
        return image.convert("RGB")
    ground = Image.new("RGBA", image.size, colour or "#ffffff")
    return Image.alpha_composite(ground, image.convert("RGBA")).convert("RGB")


def _lqip(image: Image.Image) -> str:
    """A WebP of at most LQIP_BYTES_MAX as a data: URI: with the best quality that fits, else with half the sides."""
    for quality in _LQIP_QUALITIES:
        stream = io.BytesIO()
        image.save(stream, "WEBP", quality=quality, alpha_quality=quality, method=4)
        if stream.tell() <= LQIP_BYTES_MAX:
            return f"data:image/webp;base64,{base64.b64encode(stream.getvalue()).decode()}"
    return _lqip(small(image, max(image.size) // 2))
