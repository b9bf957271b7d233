"""The operations on pixels, each one short function of one type, in the order that docs/recipes.md states.

Every operation takes an image (L, LA, RGB or RGBA, sRGB) and the step that it belongs to, and
returns an image; none changes its input. Longer arithmetic is in worker/images/looks; sides and boxes come from the
plan, and worker/images/imagefile.py owns files.
"""

from collections.abc import Callable
from typing import NamedTuple

from PIL import Image, ImageColor, ImageFilter, ImageOps

from jobs.images.turns import Box, Size
from jobs.recipes.expand import edges
from jobs.recipes.keys import BARS, Normalise, marks
from jobs.recipes.plan import Derivation
from worker.images.looks import colours
from worker.images.looks.bars import around
from worker.images.looks.corners import radii, rounded
from worker.images.looks.marks import laid
from worker.images.looks.scaling import CLEAR, blocks, coloured, premultiplied, scaled, turned, with_alpha

WHITE = "#ffffff"


class Step(NamedTuple):
    """The input of an operation beside the image: its place in the plan; `alpha`: the output can be transparent;
    `marks`: its watermarks (RGBA); `dominant`: the original's dominant colour;
    `first`: what the first frame told the later ones; `coloured`: the output's profile is of RGB."""

    derivation: Derivation
    alpha: bool
    marks: tuple[Image.Image, ...] = ()
    dominant: str | None = None
    first: dict[str, tuple[float, float]] | None = None
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
    rotated = with_alpha(image).convert("RGBa")
    rotated = rotated.rotate(-asked.degrees, Image.Resampling.BICUBIC, expand=True, fillcolor=CLEAR)
    return scaled(turned(rotated.convert("RGBA"), asked.turn), Box(0, 0, *rotated.size).part(asked.window), asked.size)


def pad(image: Image.Image, step: Step) -> Image.Image:
    """The bars that `contain` adds around the picture. They are transparent, if they do not show the picture;
    `background` fills them later."""
    canvas, kind = step.derivation.shape.canvas, step.derivation.shape.spec.background
    return image if canvas is None else around(image, canvas.size, canvas.left, canvas.top, kind)


def grayscale(image: Image.Image, step: Step) -> Image.Image:
    """Convert to one channel of luma (ITU-R 601), and keep alpha."""
    if not step.derivation.shape.spec.grayscale or image.mode in ("L", "LA"):
        return image
    return image.convert("LA" if image.mode == "RGBA" else "L")


def median(image: Image.Image, step: Step) -> Image.Image:
    """Each pixel becomes the middle of its neighbourhood of so many pixels each way, in each channel."""
    size = step.derivation.shape.spec.median
    return coloured(image, lambda pixels: pixels.filter(ImageFilter.MedianFilter(size))) if size else image


def threshold(image: Image.Image, step: Step) -> Image.Image:
    """Lumas (ITU-R 601) of at least this level become white, all others black."""
    level = step.derivation.shape.spec.threshold
    if level is None:
        return image
    return coloured(image, lambda pixels: pixels.convert("L").point([0] * level + [255] * (256 - level)))


def blur(image: Image.Image, step: Step) -> Image.Image:
    """Gaussian blur with a sigma in pixels. Alpha is premultiplied, so that the colour of transparent pixels does not
    show."""
    sigma = step.derivation.shape.spec.blur
    return _filtered(image, ImageFilter.GaussianBlur(sigma)) if sigma else image


def modulate(image: Image.Image, step: Step) -> Image.Image:
    """Other lightness, chroma and hue."""
    asked = step.derivation.shape.spec.modulate
    return colours.modulated(image, asked) if asked else image


def sharpen(image: Image.Image, step: Step) -> Image.Image:
    """Unsharp mask with a sigma in pixels, at full strength. Differences under 2 of 255 stay."""
    sigma = step.derivation.shape.spec.sharpen
    return _filtered(image, ImageFilter.UnsharpMask(sigma, percent=100, threshold=2)) if sigma else image


def gamma(image: Image.Image, step: Step) -> Image.Image:
    """Brighten (above 1) or darken the middle; black and white stay."""
    by = step.derivation.shape.spec.gamma
    return coloured(image, lambda pixels: colours.bent(pixels, by)) if by else image


def linear(image: Image.Image, step: Step) -> Image.Image:
    """Each level times a factor, plus a number; in each channel."""
    asked = step.derivation.shape.spec.linear
    return coloured(image, lambda pixels: colours.sloped(pixels, asked)) if asked else image


def normalise(image: Image.Image, step: Step) -> Image.Image:
    """Stretch lightness to the whole range. The first frame of an animation tells by how much."""
    asked = step.derivation.shape.spec.normalise
    if not isinstance(asked, Normalise):
        return image
    first = {} if step.first is None else step.first
    if "normalise" not in first:
        first["normalise"] = colours.stretch(image, asked)
    return colours.stretched(image, first["normalise"])


def tint(image: Image.Image, step: Step) -> Image.Image:
    """Shades of one colour."""
    colour = step.derivation.shape.spec.tint
    return colours.tinted(image, colour) if colour else image


def negate(image: Image.Image, step: Step) -> Image.Image:
    """The complement of each colour."""
    return coloured(image, ImageOps.invert) if step.derivation.shape.spec.negate else image


def pixelate(image: Image.Image, step: Step) -> Image.Image:
    """Blocks of one colour each: the mean of their pixels."""
    side = step.derivation.shape.spec.pixelate
    return premultiplied(image, lambda pixels: blocks(pixels, side)) if side else image


def radius(image: Image.Image, step: Step) -> Image.Image:
    """Round corners. They are transparent; `background` fills them later."""
    asked = step.derivation.shape.spec.radius
    return rounded(image, radii(asked, Size(*image.size))) if asked else image


def padding(image: Image.Image, step: Step) -> Image.Image:
    """Pixels around the picture. They are transparent, if they do not show the picture; `background` fills them
    later."""
    spec = step.derivation.shape.spec
    if not spec.padding:
        return image
    top, right, bottom, left = edges(spec.padding)
    size = Size(left + image.width + right, top + image.height + bottom)
    return around(image, size, left, top, spec.background)


def background(image: Image.Image, step: Step) -> Image.Image:
    """Blend transparent pixels with the background. Without one: with white, and only if the output has no alpha."""
    asked = step.derivation.shape.spec.background
    asked = step.dominant if asked == "dominant" else None if asked in BARS else asked
    colour = asked or (None if step.alpha else WHITE)
    if colour is None or image.mode in ("L", "RGB"):
        return image
    shade = ImageColor.getrgb(colour) if step.alpha else ImageColor.getrgb(colour)[:3]
    whole = Image.alpha_composite(Image.new("RGBA", image.size, shade), image.convert("RGBA"))
    return whole if len(shade) == len(CLEAR) else whole.convert("RGB")


def watermark(image: Image.Image, step: Step) -> Image.Image:
    """Blend the watermarks over the picture, the first below."""
    for asked, mark in zip(marks(step.derivation.shape.spec), step.marks, strict=True):
        image = laid(image, asked, mark)
    return image


AFTER_RESIZE: tuple[Operation, ...] = (
    turn, tilt, pad, grayscale, median, threshold, blur, modulate, sharpen, gamma, linear, normalise, tint, negate,
    pixelate, radius, padding, background, watermark,
)  # fmt: skip
"""The operations that make a rendition from the resized pixels. Other renditions derive from the pixels before
these."""


def _filtered(image: Image.Image, kernel: ImageFilter.Filter) -> Image.Image:
    return premultiplied(image, lambda pixels: pixels.filter(kernel))
