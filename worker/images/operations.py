"""The operations on pixels, each one short function of one type, in the order that docs/recipes.md states.

Every operation takes an image (L, LA, RGB or RGBA, sRGB) and the step that it belongs to, and
returns an image; none changes its input. Owns filters and colours; sides and boxes come from the plan, and
worker/images/imagefile.py owns files.
"""

from collections.abc import Callable
from typing import NamedTuple

from PIL import Image, ImageColor, ImageFilter

from jobs.images.turns import Box, Size, Turn
from jobs.recipes.expand import edges
from jobs.recipes.libraries import REDUCING_GAP
from jobs.recipes.plan import Derivation
from jobs.recipes.shapes import inside, place
from worker.images.formats import vips

MANY_PIXELS = 1_000_000
SHRINK_MIN = 1.3
"""From this many pixels and this shrink on the filter is HAMMING, else BICUBIC. HAMMING takes three fifths of the
time. On a photograph its SSIM is 0.001 (shrink 1.4) to 0.003 (shrink 2) lower, but 0.007 lower with hardly any
shrink; for few pixels there is no time to save. bench.images compares both with sharp's."""
CLEAR = (0, 0, 0, 0)
WHITE = "#ffffff"

_PREMULTIPLIED = {"LA": "La", "RGBA": "RGBa"}
_TRANSPOSES = {
    Turn(False, True, False): Image.Transpose.FLIP_LEFT_RIGHT,
    Turn(False, True, True): Image.Transpose.ROTATE_180,
    Turn(False, False, True): Image.Transpose.FLIP_TOP_BOTTOM,
    Turn(True, False, False): Image.Transpose.TRANSPOSE,
    Turn(True, True, False): Image.Transpose.ROTATE_270,
    Turn(True, True, True): Image.Transpose.TRANSVERSE,
    Turn(True, False, True): Image.Transpose.ROTATE_90,
}


class Step(NamedTuple):
    """The input of an operation beside the image: its place in the plan; `alpha`: the output can be transparent;
    `mark`: the watermark (RGBA) to apply; `coloured`: the output's profile is of RGB."""

    derivation: Derivation
    alpha: bool
    mark: Image.Image | None = None
    coloured: bool = False


Operation = Callable[[Image.Image, Step], Image.Image]


def resize(image: Image.Image, step: Step) -> Image.Image:
    """Crop to the derivation's box of the parent's pixels, and scale to its size. All fits do this."""
    return scaled(image, step.derivation.box, step.derivation.shape.size)


def turn(image: Image.Image, step: Step) -> Image.Image:
    """Orientation, rotation by right angles, flip and flop in one step, after the resize because fewer pixels are
    left."""
    return turned(image, step.derivation.shape.turn)


def tilt(image: Image.Image, step: Step) -> Image.Image:
    """Rotation by any other angle (the corners transparent), then flip and flop, then the fit."""
    asked = step.derivation.shape.tilt
    if asked is None:
        return image
    rotated = _with_alpha(image).convert("RGBa")
    rotated = rotated.rotate(-asked.degrees, Image.Resampling.BICUBIC, expand=True, fillcolor=CLEAR)
    return scaled(turned(rotated.convert("RGBA"), asked.turn), Box(0, 0, *rotated.size).part(asked.window), asked.size)


def pad(image: Image.Image, step: Step) -> Image.Image:
    """The border that `contain` adds around the picture. It is transparent; `background` fills it later."""
    canvas = step.derivation.shape.canvas
    if canvas is None:
        return image
    padded = Image.new("RGBA", canvas.size, CLEAR)
    padded.paste(_with_alpha(image), (canvas.left, canvas.top))
    return padded


def grayscale(image: Image.Image, step: Step) -> Image.Image:
    """Convert to one channel of luma (ITU-R 601), and keep alpha."""
    if not step.derivation.shape.spec.grayscale or image.mode in ("L", "LA"):
        return image
    return image.convert("LA" if image.mode == "RGBA" else "L")


def blur(image: Image.Image, step: Step) -> Image.Image:
    """Gaussian blur with a sigma in pixels. Alpha is premultiplied, so that the colour of transparent pixels does not
    show."""
    sigma = step.derivation.shape.spec.blur
    return _filtered(image, ImageFilter.GaussianBlur(sigma)) if sigma else image


def sharpen(image: Image.Image, step: Step) -> Image.Image:
    """Unsharp mask with a sigma in pixels, at full strength. Differences under 2 of 255 stay."""
    sigma = step.derivation.shape.spec.sharpen
    return _filtered(image, ImageFilter.UnsharpMask(sigma, percent=100, threshold=2)) if sigma else image


def padding(image: Image.Image, step: Step) -> Image.Image:
    """Pixels around the picture. They are transparent; `background` fills them later."""
    asked = step.derivation.shape.spec.padding
    if not asked:
        return image
    top, right, bottom, left = edges(asked)
    padded = Image.new("RGBA", (left + image.width + right, top + image.height + bottom), CLEAR)
    padded.paste(_with_alpha(image), (left, top))
    return padded


def background(image: Image.Image, step: Step) -> Image.Image:
    """Blend transparent pixels with the background. Without one: with white, and only if the output has no alpha."""
    colour = step.derivation.shape.spec.background or (None if step.alpha else WHITE)
    if colour is None or image.mode in ("L", "RGB"):
        return image
    shade = ImageColor.getrgb(colour) if step.alpha else ImageColor.getrgb(colour)[:3]
    whole = Image.alpha_composite(Image.new("RGBA", image.size, shade), image.convert("RGBA"))
    return whole if len(shade) == len(CLEAR) else whole.convert("RGB")


def watermark(image: Image.Image, step: Step) -> Image.Image:
    """Blend the watermark over the picture, scaled down if it is larger."""
    asked, mark = step.derivation.shape.spec.watermark, step.mark
    if asked is None or mark is None:
        return image
    size = inside(Size(*mark.size), Size(*image.size))
    mark = scaled(mark, Box(0, 0, *mark.size), size)
    if asked.opacity < 1:
        mark = mark.copy() if mark is step.mark else mark
        mark.putalpha(mark.getchannel("A").point([round(value * asked.opacity) for value in range(256)]))
    at = place(asked.gravity, image.width - size.width, image.height - size.height, round_up=1)
    marked = image.convert("RGBA")
    marked.alpha_composite(mark, at)
    return marked if image.mode in ("LA", "RGBA") else marked.convert("RGB")


AFTER_RESIZE: tuple[Operation, ...] = (turn, tilt, pad, grayscale, blur, sharpen, padding, background, watermark)
"""The operations that make a rendition from the resized pixels. Other renditions derive from the pixels before
these."""


def scaled(image: Image.Image, box: Box, size: Size) -> Image.Image:
    """The part `box` of an image, within its edges, scaled to `size`."""
    width, height = image.size
    box = Box(max(0.0, box.left), max(0.0, box.top), min(box.right, width), min(box.bottom, height))
    if size == image.size and box == (0, 0, width, height):
        return image
    if vips.resizes(image, box, size):
        return _premultiplied(image, lambda pixels: vips.resize(pixels, box, size))
    return _premultiplied(image, lambda pixels: pixels.resize(size, filter_for(box, size), box, REDUCING_GAP))


def filter_for(box: Box, size: Size) -> Image.Resampling:
    """The filter by which Pillow makes `size` of `box`."""
    width, height = box.right - box.left, box.bottom - box.top
    costly = width * height >= MANY_PIXELS and min(width / size.width, height / size.height) >= SHRINK_MIN
    return Image.Resampling.HAMMING if costly else Image.Resampling.BICUBIC


def turned(image: Image.Image, how: Turn) -> Image.Image:
    """The image after this turn."""
    return image.transpose(_TRANSPOSES[how]) if how != Turn() else image


def _with_alpha(image: Image.Image) -> Image.Image:
    return image if image.mode == "RGBA" else image.convert("RGBA")


def _filtered(image: Image.Image, kernel: ImageFilter.Filter) -> Image.Image:
    return _premultiplied(image, lambda pixels: pixels.filter(kernel))


def _premultiplied(image: Image.Image, work: Callable[[Image.Image], Image.Image]) -> Image.Image:
    """Apply `work` to pixels with premultiplied alpha, so that the colour of transparent pixels does not show."""
    if image.mode not in _PREMULTIPLIED:
        return work(image)
    return work(image.convert(_PREMULTIPLIED[image.mode])).convert(image.mode)
