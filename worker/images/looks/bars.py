"""What lies around a picture on a larger canvas: its own blurred copy, or its mirrored edges.

Owns these layers. They are as transparent as the picture is. A plain colour is the `background` operation's.
"""

from PIL import Image, ImageFilter, ImageOps

from jobs.images.turns import Box, Size
from worker.images.looks.scaling import CLEAR, premultiplied, scaled, with_alpha

SMALL_SIDE, SIGMA = 64, 2.0
"""A blurred copy is made at this size, by this sigma: it costs little, and shows no detail."""


def around(image: Image.Image, size: Size, left: int, top: int, kind: str | None) -> Image.Image:
    """The image at (left, top) of a canvas. `kind`: `blur`, `mirror`; anything else leaves the canvas transparent."""
    if kind not in ("blur", "mirror"):
        canvas = Image.new("RGBA", size, CLEAR)
        canvas.paste(with_alpha(image), (left, top))
        return canvas
    image = image if image.mode in ("L", "RGB") else with_alpha(image)
    canvas = _blurred(image, size) if kind == "blur" else _mirrored(image, size, left, top)
    if image.mode == "RGBA":
        canvas.alpha_composite(image, (left, top))
    else:
        canvas.paste(image, (left, top))
    return canvas


def _blurred(image: Image.Image, size: Size) -> Image.Image:
    """The middle of the image, which fills the canvas, without detail."""
    by = min(image.width / size.width, image.height / size.height)
    width, height = size.width * by, size.height * by
    left, top = (image.width - width) / 2, (image.height - height) / 2
    ratio = min(1.0, SMALL_SIDE / max(size))
    small = Size(max(1, round(size.width * ratio)), max(1, round(size.height * ratio)))
    soft = scaled(image, Box(left, top, left + width, top + height), small)
    soft = premultiplied(soft, lambda pixels: pixels.filter(ImageFilter.GaussianBlur(SIGMA)))
    return premultiplied(soft, lambda pixels: pixels.resize(size, Image.Resampling.BICUBIC))


def _mirrored(image: Image.Image, size: Size, left: int, top: int) -> Image.Image:
    """The canvas full of copies of the image, each the mirror of its neighbours: first a row of them, then rows."""
    row = Image.new(image.mode, (size.width, image.height))
    copies = image, ImageOps.mirror(image)
    for index in range(-(-left // image.width) * -1, -(-(size.width - left) // image.width)):
        row.paste(copies[index % 2], (left + index * image.width, 0))
    canvas = Image.new(image.mode, size)
    rows = row, ImageOps.flip(row)
    for index in range(-(-top // image.height) * -1, -(-(size.height - top) // image.height)):
        canvas.paste(rows[index % 2], (0, top + index * image.height))
    if image.mode == "RGBA":  # the picture itself is laid over it
        canvas.paste(CLEAR, (left, top, left + image.width, top + image.height))
    return canvas
