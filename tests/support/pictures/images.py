"""Small pictures to send through the image path, and ways to look at what came out."""

import io
import math
import struct
from pathlib import Path
from typing import Any

from PIL import Image, ImageChops, ImageCms, ImageStat

from jobs.images.formats import WITH_METADATA
from jobs.recipes.encoding import OF_FORMATS
from jobs.recipes.recipe import Recipe, parse
from worker.images.pipeline import Output, run
from worker.images.reading import PipelineLimits

ROOT = Path(__file__).parents[3]
TEST_DATA = ROOT / "test-data"
CORPUS = ROOT.parent / "shared" / "corpus"
LIMITS = PipelineLimits(100_000_000, 500)
RED, GREEN, BLUE, WHITE = (255, 0, 0), (0, 255, 0), (0, 0, 255), (255, 255, 255)


def one(**keys: Any) -> Recipe:
    return parse({"renditions": [{"name": "a", "format": "png", **keys}]})


def of_format(format: str, **keys: Any) -> dict[str, Any]:
    """The format, and those of the keys that it has."""
    formats = {"keep_metadata": WITH_METADATA, **OF_FORMATS}
    return {"format": format, **{key: value for key, value in keys.items() if format in formats.get(key, (format,))}}


def outputs(data: bytes, recipe: Recipe, limits: PipelineLimits = LIMITS) -> dict[str, Output]:
    return {output.name: output for output in run(io.BytesIO(data), recipe, limits)}


def read(output: Output) -> Image.Image:
    image = Image.open(io.BytesIO(output.data))
    image.load()
    return image


def made(data: bytes, **keys: Any) -> Image.Image:
    return read(outputs(data, one(**keys))["a"])


def saved(image: Image.Image, format: str = "PNG", **options: Any) -> bytes:
    stream = io.BytesIO()
    image.save(stream, format, **options)
    return stream.getvalue()


def corners() -> Image.Image:
    """64 x 32, each quarter of another colour: red, green above; blue, white below."""
    image = Image.new("RGB", (64, 32))
    for colour, at in ((RED, (0, 0)), (GREEN, (32, 0)), (BLUE, (0, 16)), (WHITE, (32, 16))):
        image.paste(colour, (*at, at[0] + 32, at[1] + 16))
    return image


def seen(image: Image.Image) -> list[tuple[int, ...]]:
    """The colours in the middle of the four quarters, row by row."""
    width, height = image.size
    spots = [(x, y) for y in (height // 4, 3 * height // 4) for x in (width // 4, 3 * width // 4)]
    return [tuple(image.convert("RGB").getpixel(spot)) for spot in spots]  # type: ignore[arg-type]


def psnr(image: Image.Image, reference: Image.Image) -> float:
    difference = ImageStat.Stat(ImageChops.difference(image.convert("RGB"), reference.convert("RGB")))
    error = sum(rms * rms for rms in difference.rms) / 3
    return 10 * math.log10(255 * 255 / error) if error else math.inf


def swapped_profile() -> bytes:
    """The sRGB profile with red and green exchanged: pixels under it must come out exchanged."""
    profile = bytearray(ImageCms.ImageCmsProfile(ImageCms.createProfile("sRGB")).tobytes())
    entries = {bytes(profile[at : at + 4]): at for at in range(132, 132 + 12 * int.from_bytes(profile[128:132]), 12)}
    red, green = entries[b"rXYZ"], entries[b"gXYZ"]
    profile[red : red + 4], profile[green : green + 4] = profile[green : green + 4], profile[red : red + 4]
    return bytes(profile).replace(b"s\0R\0G\0B", b"o\0d\0d\0!").replace(b"\0s\0R\0G\0B", b"\0o\0d\0d\0!")


def cmyk_profile() -> bytes:
    """A tiny CMYK profile of a strange ink: full cyan alone prints red, no ink is white, all else gray."""
    red, white, gray = (136, 208, 195), (255, 128, 128), (128, 128, 128)  # CIELAB in 8 bits
    grid = [gray] * 16
    grid[0], grid[8] = white, red
    ramp = bytes(range(256))
    identity = struct.pack(">9i", *(65536 if n % 4 == 0 else 0 for n in range(9)))
    clut = b"".join(bytes(lab) for lab in grid)
    lut = b"mft1\0\0\0\0" + bytes((4, 3, 2, 0)) + identity + ramp * 4 + clut + ramp * 3
    white_point = b"XYZ \0\0\0\0" + struct.pack(">3i", 63190, 65536, 54061)
    lut += bytes(-len(lut) % 4)
    tags = struct.pack(">I4sII4sII", 2, b"wtpt", 156, len(white_point), b"A2B0", 156 + len(white_point), len(lut))
    body = tags + white_point + lut
    header = struct.pack(">I4sI4s4s4s12x4s28x3i48x", 128 + len(body), b"", 0x02400000, b"prtr", b"CMYK", b"Lab ",
                         b"acsp", 63190, 65536, 54061)  # fmt: skip
    return header + body
