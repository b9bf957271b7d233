"""Small pictures of all kinds: formats, modes, orientations, alpha, animations. Made here, by a seed."""

import io
import random
from collections.abc import Iterator
from typing import Any

from PIL import Image

SIDE_MAX = 96
KINDS = (
    ("JPEG", "RGB"), ("JPEG", "L"), ("JPEG", "CMYK"), ("PNG", "RGB"), ("PNG", "RGBA"), ("PNG", "LA"), ("PNG", "L"),
    ("PNG", "P"), ("PNG", "1"), ("PNG", "I;16"), ("WEBP", "RGB"), ("WEBP", "RGBA"), ("AVIF", "RGB"), ("AVIF", "RGBA"),
    ("GIF", "P"), ("TIFF", "RGB"), ("TIFF", "CMYK"), ("TIFF", "L"), ("BMP", "RGB"),
)  # fmt: skip
MOVING = {"GIF", "PNG", "WEBP"}
ORIENTED = {"JPEG", "TIFF", "PNG", "WEBP", "AVIF"}
ORIENTATION = 0x0112


def pictures(count: int, seed: int) -> list[bytes]:
    """So many files, of each kind about as many."""
    dice = random.Random(seed)
    return [_written(*KINDS[number % len(KINDS)], dice) for number in range(count)]


def _written(format: str, mode: str, dice: random.Random) -> bytes:
    size = dice.randint(1, SIDE_MAX), dice.randint(1, SIDE_MAX)
    still, stream, options = _drawn(mode, size, dice), io.BytesIO(), dict[str, Any]()
    if format in MOVING and mode != "I;16" and dice.random() < 0.5:
        options = {"save_all": True, "duration": 80, "loop": 0, "append_images": [*_more(mode, size, dice)]}
    elif format in ORIENTED:
        exif = Image.Exif()
        exif[ORIENTATION] = dice.randint(1, 8)
        options = {"exif": exif.tobytes()}
    still.save(stream, format, **options)
    return stream.getvalue()


def _more(mode: str, size: tuple[int, int], dice: random.Random) -> Iterator[Image.Image]:
    for _ in range(dice.randint(1, 3)):
        yield _drawn(mode, size, dice)


def _drawn(mode: str, size: tuple[int, int], dice: random.Random) -> Image.Image:
    """One colour, a gradient or noise, with a border now and then."""
    if mode == "I;16":
        return Image.frombytes(mode, size, dice.randbytes(2 * size[0] * size[1]))
    base = dice.choice((Image.new("RGB", size, dice.choice(("white", "black", "#336699"))), _noise(size, dice)))
    if dice.random() < 0.5:
        part = _noise((max(1, size[0] // 2), max(1, size[1] // 2)), dice)
        base.paste(part, (size[0] // 4, size[1] // 4))
    if mode in ("RGBA", "LA"):
        made = base.convert(mode)
        made.putalpha(_noise(size, dice).convert("L"))
        return made
    return base.convert(mode)


def _noise(size: tuple[int, int], dice: random.Random) -> Image.Image:
    return Image.frombytes("RGB", size, dice.randbytes(3 * size[0] * size[1]))
