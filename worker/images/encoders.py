"""Writes pictures and animations as files: the options of each format for a rendition's keys, and nothing else.

Owns the options of Pillow's encoders; some PNG are libvips' (worker/images/formats/vips.py). Knows no geometry, and
nothing of how files are read.
"""

import io
from fractions import Fraction

from PIL import Image, PngImagePlugin

from jobs.errors import ImageFault
from jobs.images.formats import WITH_METADATA
from jobs.images.kept.blocks import NONE, Blocks, in_jpeg, with_jfif
from jobs.images.kept.webp import in_webp
from jobs.images.turns import Size
from jobs.job import Unmet
from jobs.recipes.encoding import effort_of, quality_of, vips_key
from jobs.recipes.memory import Need, encoder_bytes
from jobs.recipes.recipe import RenditionSpec
from jobs.recipes.values.formatted import Webp
from worker.images.formats import address_space, gifs, palettes, vips, webps
from worker.images.formats.animation import GIF_TICK, Showing, fitted

PNG_LEVEL = 2
"""Of 9 levels, in zlib-ng 2.3. Compared with level 4, a photograph takes half the time and has 5 % more bytes (two
thirds of sharp's); a resized screenshot or page is as small or smaller. Run-length coding is faster still, but makes
screenshots three times as large."""

LOSSLESS_WEBP = 80
"""Of a lossless WebP, this is how hard its encoder tries."""
WEBP_METHODS = (0, 0, 1, 2, 2, 3, 4, 4, 5, 6)
AVIF_SPEEDS = (10, 9, 8, 7, 6, 5, 4, 3, 2, 1)
PNG_LEVELS = (1, 1, 2, 3, 4, 5, 6, 7, 8, 9)
"""What each encoder calls the efforts 0 to 9."""
_USUAL_EFFORT = 6
_CLEAR = (0, 0, 0, 0)
_XMP_KEYWORD = "XML:com.adobe.xmp"
"""Of a PNG's text chunk."""


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


def encode(image: Image.Image, format: str, spec: RenditionSpec, kept: Blocks = NONE) -> bytes:
    """Encode a still image that `held` has returned. The file has no metadata except these blocks."""
    by_vips = kept == NONE and spec.effort is None and spec.png is None and vips.encodes(format, image)
    if by_vips and (data := vips.encode_png(image)) is not None:
        return data
    if (key := vips_key(spec, format)) is not None:
        return _by_vips(image, format, spec, kept, key)
    if format == "avif":
        _require_memory(image, spec)
    data = _saved(image, format, _options(format, spec, kept))
    return _placed(data, kept) if format == "jpeg" else data


def _placed(data: bytes, kept: Blocks) -> bytes:
    made = in_jpeg(data, kept)
    assert made is not None
    return made


def _by_vips(image: Image.Image, format: str, spec: RenditionSpec, kept: Blocks, key: str) -> bytes:
    """Encode with an option that Pillow's writers do not have."""
    if not vips.INSTALLED:
        raise ImageFault(f"`{key}` needs the extra `vips`, which this worker does not have", code="operation_failed")
    level, effort = quality_of(spec, format), effort_of(spec, format)
    if format == "jpeg":
        data = vips.encode_jpeg(image, level or 0, full=spec.chroma == 444, progressive=spec.progressive)
        return _placed(with_jfif(data), kept)
    data = vips.encode_webp(image, spec.webp or Webp(), level, WEBP_METHODS[effort or _USUAL_EFFORT])
    return in_webp(data, image.size, kept)


def prepared(image: Image.Image, format: str, spec: RenditionSpec) -> tuple[Image.Image, Unmet]:
    """A still image that `held` has returned, with a palette if it gets one; and what cannot be done: `dither`,
    `trellis`."""
    if format == "jpeg" and vips_key(spec, format) and vips.INSTALLED and not vips.has_trellis():
        return image, ("trellis",)
    if format != "png" or spec.png is None or not spec.png.palette:
        return image, ()
    made = palettes.reduced(image, spec.png.colours, dither=spec.png.dither)
    return made.image, (() if made.smooth else ("dither",))


def of_stills(format: str, spec: RenditionSpec) -> Unmet:
    """What an animation of this format does not get."""
    if format == "png" and spec.png and spec.png.palette:
        return ("palette",)
    return ("webp",) if format == "webp" and vips_key(spec, format) else ()


def _require_memory(image: Image.Image, spec: RenditionSpec) -> None:
    """Raises MemoryError if the memory to encode an AVIF is not free."""
    size_bytes = encoder_bytes(spec, "avif", image.width * image.height)
    address_space.require(size_bytes, f"{Need(spec, 'avif', Size(*image.size), size_bytes)}")


def encode_animation(
    images: list[Image.Image], format: str, spec: RenditionSpec, kept: Blocks, showing: Showing
) -> tuple[bytes, Unmet]:
    """Encode these images, which `held` has returned, as an animation. Equal neighbours become one frame. Also returns
    the fields of `showing` that the format could not store."""
    showing, unmet = fitted(showing, format)
    first, *rest = _alike(images)
    options = _options(format, spec, kept) | {"save_all": True, "append_images": rest} | _loop(format, showing.plays)
    if format == "gif":
        data, limited = _gif(first, options, showing.seconds)
        return data, unmet if "delays" in unmet or not limited else ("delays", *unmet)
    if format == "avif":
        _require_memory(first, spec)
        options["duration"] = [int(1000 * seconds) for seconds in showing.seconds]
        return _saved(first, format, options), unmet
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


def _options(format: str, spec: RenditionSpec, kept: Blocks) -> dict[str, object]:
    return _of_format(format, spec) | (_metadata(format, kept) if kept != NONE else {})


def _metadata(format: str, kept: Blocks) -> dict[str, object]:
    """Pillow's options for these blocks. A JPEG gets them afterwards."""
    if format not in WITH_METADATA or format == "jpeg":
        return {}
    options: dict[str, object] = {"icc_profile": kept.profile} if kept.profile else {}
    options |= {"exif": kept.exif} if kept.exif else {}
    if format != "png":
        return options | ({"xmp": kept.xmp} if kept.xmp else {})
    if kept.density:
        options["dpi"] = kept.density
    if kept.xmp:
        options["pnginfo"] = texts = PngImagePlugin.PngInfo()
        texts.add_itxt(_XMP_KEYWORD, kept.xmp.decode())
    return options


def _of_format(format: str, spec: RenditionSpec) -> dict[str, object]:
    chroma, level = "4:4:4" if spec.chroma == 444 else "4:2:0", quality_of(spec, format)
    effort = effort_of(spec, format)
    if format == "jpeg":
        return {"quality": level, "subsampling": chroma, "progressive": spec.progressive}
    if format == "webp":
        kept = {"quality": level or LOSSLESS_WEBP, "lossless": spec.lossless} | _webp(spec.webp)
        return kept | _effort(effort, "method", WEBP_METHODS)
    if format == "avif":
        kept = {"quality": level or 100, "subsampling": chroma if level else "4:4:4"}
        return kept | _effort(effort, "speed", AVIF_SPEEDS)
    if format == "png":
        return {"compress_level": PNG_LEVEL} | _effort(effort, "compress_level", PNG_LEVELS)
    return {}


def _effort(effort: int | None, option: str, by_effort: tuple[int, ...]) -> dict[str, object]:
    return {} if effort is None else {option: by_effort[effort]}


def _webp(block: Webp | None) -> dict[str, object]:
    return {"alpha_quality": block.alpha_quality, "exact": block.exact} if block else {}


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
