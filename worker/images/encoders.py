"""Writes pictures and animations as files: the options of each format for a rendition's keys, and nothing else.

Owns the options of Pillow's encoders; some PNG are libvips' (worker/images/formats/vips.py). Knows no geometry, and
nothing of how files are read.
"""

import io
from fractions import Fraction

from PIL import Image

from jobs.images.turns import Size
from jobs.job import Unmet
from jobs.recipes.memory import Need, encoder_bytes
from jobs.recipes.recipe import RenditionSpec
from worker.images.formats import address_space, gifs, vips, webps
from worker.images.formats.animation import GIF_TICK, Showing, fitted

PNG_LEVEL = 2
"""Of 9 levels, in zlib-ng 2.3. Compared with level 4, a photograph takes half the time and has 5 % more bytes (two
thirds of sharp's); a resized screenshot or page is as small or smaller. Run-length coding is faster still, but makes
screenshots three times as large."""


_CLEAR = (0, 0, 0, 0)


def held(image: Image.Image, format: str) -> Image.Image:
    """The sRGB `image` (L, LA, RGB or RGBA) as a file of this format can store it. In a GIF a pixel with alpha of half
    or more is opaque; any other is transparent and loses its colour."""
    if format != "gif" or image.mode not in ("LA", "RGBA"):
        return image
    mask, colours = image.getchannel("A").convert("1", dither=Image.Dither.NONE), image.convert("RGB")
    if mask.getextrema() == (255, 255):
        return colours
    made = Image.new("RGBA", image.size, _CLEAR)
    made.paste(colours, mask=mask)
    return made


def quality(format: str, spec: RenditionSpec) -> int | None:
    """The quality with which this format is written; None if it has none, or loses nothing."""
    lossy = format == "jpeg" or (format in ("webp", "avif") and not spec.lossless)
    return spec.quality if lossy else None


def encode(image: Image.Image, format: str, spec: RenditionSpec, exif: bytes) -> bytes:
    """Encode a still image that `held` has returned. The file has no metadata except the given EXIF."""
    if not exif and vips.encodes(format, image) and (data := vips.encode_png(image)) is not None:
        return data
    if format == "avif":
        _require_memory(image, spec)
    return _saved(image, format, _options(format, spec, exif))


def _require_memory(image: Image.Image, spec: RenditionSpec) -> None:
    """Raises MemoryError if the memory to encode an AVIF is not free."""
    size_bytes = encoder_bytes(spec, "avif", image.width * image.height)
    address_space.require(size_bytes, f"{Need(spec, 'avif', Size(*image.size), size_bytes)}")


def encode_animation(
    images: list[Image.Image], format: str, spec: RenditionSpec, exif: bytes, showing: Showing
) -> tuple[bytes, Unmet]:
    """Encode these images, which `held` has returned, as an animation. Equal neighbours become one frame. Also returns
    the fields of `showing` that the format could not store."""
    showing, unmet = fitted(showing, format)
    first, *rest = _alike(images)
    options = _options(format, spec, exif) | {"save_all": True, "append_images": rest} | _loop(format, showing.plays)
    if format == "gif":
        data, limited = _gif(first, options, showing.seconds)
        return data, unmet if "delays" in unmet or not limited else ("delays", *unmet)
    options["duration"] = [float(1000 * seconds) for seconds in showing.seconds]
    data = _saved(first, format, options)
    return webps.with_alpha(data) if format == "webp" and first.mode in ("LA", "RGBA") else data, unmet


def _gif(first: Image.Image, options: dict[str, object], seconds: list[Fraction]) -> tuple[bytes, bool]:
    """An animated GIF, and whether the time of equal frames exceeded a GIF's limit. Pillow adds such times up, and
    fails beyond the limit. So Pillow gets one tick a frame, and the sums are made from its output."""
    if first.mode == "RGBA":
        options = options | {"disposal": 2}  # else earlier frames show through transparent pixels
    data = _saved(first, "gif", options | {"duration": [int(1000 * GIF_TICK)] * len(seconds)})
    return gifs.timed(data, [int(each / GIF_TICK) for each in seconds])


def _saved(image: Image.Image, format: str, options: dict[str, object]) -> bytes:
    stream = io.BytesIO()
    image.save(stream, format.upper(), **options)
    return stream.getvalue()


def _options(format: str, spec: RenditionSpec, exif: bytes) -> dict[str, object]:
    return _of_format(format, spec) | ({"exif": exif} if exif else {})


def _of_format(format: str, spec: RenditionSpec) -> dict[str, object]:
    chroma = "4:4:4" if spec.chroma == 444 else "4:2:0"
    if format == "jpeg":
        return {"quality": spec.quality, "subsampling": chroma, "progressive": spec.progressive}
    if format == "webp":
        return {"quality": spec.quality, "lossless": spec.lossless}
    if format == "avif" and spec.lossless:
        return {"quality": 100, "subsampling": "4:4:4"}
    if format == "png":
        return {"compress_level": PNG_LEVEL}
    return {"quality": spec.quality, "subsampling": chroma} if format == "avif" else {}


def _alike(images: list[Image.Image]) -> list[Image.Image]:
    """Convert the frames to one mode, because a file has only one."""
    modes = {image.mode for image in images}
    if len(modes) == 1:
        return images
    common = "RGBA" if modes & {"LA", "RGBA"} else "RGB"
    return [image.convert(common) for image in images]


def _loop(format: str, plays: int) -> dict[str, object]:
    if format != "gif":
        return {"loop": plays}
    return {} if plays == 1 else {"loop": max(0, plays - 1)}
