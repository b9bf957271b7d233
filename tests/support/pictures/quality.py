"""The quality of pictures: measures, and a slow and simple version of each operation as the reference for ours.

The references decode at full size, work at full size and resize once, by LANCZOS; blur, sharpening,
luma and colours are written out as arithmetic. They know nothing of plans, scales or derivations.
"""

import io
import math
from collections.abc import Callable
from typing import Any, NamedTuple

from PIL import Image, ImageDraw, ImageMath, ImageOps

from jobs.recipes.recipe import parse
from tests.support.pictures.images import LIMITS, TEST_DATA, saved
from worker.images.looks.colours import Change, lab, rgb
from worker.images.pipeline import run

SOURCE = TEST_DATA / "sample.jpg"
DIGEST = "0" * 64
LANCZOS = Image.Resampling.LANCZOS
_BLOCK = 8
_C1, _C2 = (0.01 * 255) ** 2, (0.03 * 255) ** 2

Reference = Callable[[Image.Image], Image.Image]


def _math(formula: Callable[..., Any], **images: Image.Image) -> Image.Image:
    def of(values: dict[str, Any]) -> Any:
        return formula(**{name: values[name] for name in images})

    made: Image.Image = ImageMath.lambda_eval(of, **images)
    return made


def ssim(image: Image.Image, reference: Image.Image) -> float:
    """Structural similarity of the lumas, 1 where they are equal: the mean over blocks of 8 x 8 pixels."""
    x, y = (one.convert("RGB").convert("L").convert("F") for one in (image, reference))
    mean_x, mean_y, xx, yy, xy = (
        one.reduce(_BLOCK)
        for one in (x, y, _math(lambda a: a * a, a=x), _math(lambda a: a * a, a=y), _math(lambda a, b: a * b, a=x, b=y))
    )

    def similarity(a: Any, b: Any, aa: Any, bb: Any, ab: Any) -> Any:
        structure = (2 * (ab - a * b) + _C2) / (aa - a * a + bb - b * b + _C2)
        return (2 * a * b + _C1) / (a * a + b * b + _C1) * structure

    blocks = _math(similarity, a=mean_x, b=mean_y, aa=xx, bb=yy, ab=xy)
    mean = blocks.resize((1, 1), Image.Resampling.BOX).getpixel((0, 0))
    assert isinstance(mean, float)
    return mean


def gaussian(image: Image.Image, sigma: float) -> Image.Image:
    """A true Gaussian blur: the weighted mean of all pixels within 4 sigma; at edges, of those that exist."""
    reach = math.ceil(4 * sigma)
    weights = [(at, math.exp(-at * at / (2 * sigma * sigma))) for at in range(-reach, reach + 1)]
    ones = Image.new("F", image.size, 1)
    channels = [_weighed(channel.convert("F"), ones, weights) for channel in image.split()]
    return Image.merge(image.mode, [_math(lambda a: a + 0.5, a=one).convert("L") for one in channels])


def _weighed(values: Image.Image, ones: Image.Image, weights: list[tuple[int, float]]) -> Image.Image:
    for x, y in ((1, 0), (0, 1)):
        total = there = Image.new("F", values.size)
        for at, weight in weights:
            shift = (1, 0, at * x, 0, 1, at * y)
            moved, inside = (one.transform(one.size, Image.Transform.AFFINE, shift) for one in (values, ones))
            total = _math(lambda a, b, by=weight: a + b * by, a=total, b=moved)
            there = _math(lambda a, b, by=weight: a + b * by, a=there, b=inside)
        values = _math(lambda a, b: a / b, a=total, b=there)
    return values


def unsharp(image: Image.Image, sigma: float) -> Image.Image:
    """Twice the picture minus its blur, for pixels where the two differ by more than 2."""
    pairs = zip(image.split(), gaussian(image, sigma).split(), strict=True)
    made = [
        _math(lambda a, b: a + (a - b) * (abs(a - b) > 2), a=sharp.convert("F"), b=soft.convert("F"))
        for sharp, soft in pairs
    ]
    return Image.merge(image.mode, [one.convert("L") for one in made])


def luma(image: Image.Image) -> Image.Image:
    """ITU-R 601."""
    red, green, blue = (channel.convert("F") for channel in image.split())
    return _math(lambda r, g, b: 0.299 * r + 0.587 * g + 0.114 * b + 0.5, r=red, g=green, b=blue).convert("L")


def mark() -> Image.Image:
    """A watermark for tests and docs: a ring around a dot."""
    image = Image.new("RGBA", (48, 48), (255, 255, 255, 0))
    draw = ImageDraw.Draw(image)
    draw.ellipse((4, 4, 43, 43), outline=(255, 255, 255, 255), width=6)
    draw.ellipse((18, 18, 29, 29), fill=(255, 255, 255, 255))
    return image


def _on(frame: Image.Image, image: Image.Image, at: tuple[int, int], opacity: float = 1.0) -> Image.Image:
    mask = image.convert("RGBA").getchannel("A").point([round(value * opacity) for value in range(256)])
    frame = frame.copy()
    frame.paste(image.convert("RGB"), at, mask)
    return frame


def _tilted(whole: Image.Image) -> Image.Image:
    rotated = whole.convert("RGBA").rotate(-15, Image.Resampling.BICUBIC, expand=True, fillcolor=(255, 255, 255, 0))
    height = round(rotated.height * 200 / rotated.width)
    small = rotated.convert("RGBa").resize((200, height), LANCZOS).convert("RGBA")
    return _on(Image.new("RGB", small.size, "white"), small, (0, 0))


def _small(whole: Image.Image, width: int = 200, height: int = 267) -> Image.Image:
    return whole.resize((width, height), LANCZOS)


def _median(image: Image.Image, size: int) -> Image.Image:
    """By sorting; pixels beyond an edge are those of the edge."""
    made, reach = [], size // 2
    for band in image.split():
        rows = [band.tobytes()[at : at + band.width] for at in range(0, band.width * band.height, band.width)]
        rows = [row[:1] * reach + row + row[-1:] * reach for row in rows]
        rows = [rows[0]] * reach + rows + [rows[-1]] * reach
        windows = (rows[y : y + size] for y in range(band.height))
        middles = (sorted(b"".join(row[x : x + size] for row in each))[size * reach + reach] for each in windows
                   for x in range(band.width))  # fmt: skip
        made.append(Image.frombytes("L", band.size, bytes(middles)))
    return Image.merge(image.mode, made)


def _by_lab(image: Image.Image, change: Change) -> Image.Image:
    """Each pixel by its own CIELAB."""
    data, made = image.tobytes(), bytearray()
    for at in range(0, len(data), 3):
        made += bytes(round(255 * value) for value in rgb(*change(*lab(*(level / 255 for level in data[at : at + 3])))))
    return Image.frombytes("RGB", image.size, bytes(made))


def _turned(a: float, b: float, chroma: float, hue: float) -> tuple[float, float]:
    angle, length = math.atan2(b, a) + math.radians(hue), chroma * math.hypot(a, b)
    return length * math.cos(angle), length * math.sin(angle)


def _tint(light: float, _a: float, _b: float) -> tuple[float, float, float]:
    _, a, b = lab(0xCC / 255, 0x88 / 255, 0x44 / 255)
    return light, a * (1 - (light / 50 - 1) ** 2), b * (1 - (light / 50 - 1) ** 2)


def _normalised(whole: Image.Image) -> Image.Image:
    small = _small(whole)
    data = small.tobytes()
    lights = [lab(*(level / 255 for level in data[at : at + 3]))[0] for at in range(0, len(data), 3)]
    least, most = min(lights), max(lights)
    return _by_lab(small, lambda light, a, b: (100 * (light - least) / (most - least), a, b))


def _round(whole: Image.Image) -> Image.Image:
    """Corners that are drawn eight times as large."""
    small = _small(whole)
    large = Image.new("L", (8 * small.width, 8 * small.height))
    ImageDraw.Draw(large).rounded_rectangle((0, 0, large.width - 1, large.height - 1), 8 * 40, 255)
    return Image.composite(small, Image.new("RGB", small.size, "white"), large.reduce(8))


def _on_blurred(whole: Image.Image) -> Image.Image:
    """The middle of the picture, blurred at full size, under the picture."""
    ground = gaussian(whole.crop((0, 200, 1200, 1400)).resize((200, 200), LANCZOS), 2 * 200 / 64)
    ground.paste(_small(whole, 150, 200), (25, 0))
    return ground


class Judged(NamedTuple):
    """An operation, as docs/recipes.md shows it: keys of a rendition, a description, and its reference version."""

    name: str
    keys: dict[str, Any]
    text: str
    reference: Reference


JUDGED = (
    Judged("inside", {"width": 200}, "fits into the box, keeps the proportions (the default)", _small),
    Judged("cover", {"width": 200, "height": 200, "fit": "cover"}, "fills the box, and cuts the rest",
           lambda whole: _small(whole).crop((0, 34, 200, 234))),
    Judged("gravity", {"width": 200, "height": 200, "fit": "cover", "gravity": "south"}, "the part that `cover` keeps,"
           " or the place where `contain` puts the picture", lambda whole: _small(whole).crop((0, 67, 200, 267))),
    Judged("contain", {"width": 200, "height": 200, "fit": "contain", "background": "#ffcc66"}, "fits into the box, and"
           " pads to it", lambda whole: _on(Image.new("RGB", (200, 200), "#ffcc66"), _small(whole, 150, 200), (25, 0))),
    Judged("fill", {"width": 200, "height": 120, "fit": "fill"}, "fills the box exactly, and ignores the proportions",
           lambda whole: _small(whole, 200, 120)),
    Judged("outside", {"width": 150, "height": 150, "fit": "outside"}, "the smallest size that covers the box",
           lambda whole: _small(whole, 150, 200)),
    Judged("crop", {"crop": {"left": 500, "top": 100, "width": 500, "height": 500}, "width": 200},
           "takes a part, in pixels of the upright original",
           lambda whole: _small(whole.crop((500, 100, 1000, 600)), 200, 200)),
    Judged("enlarge", {"crop": {"left": 700, "top": 200, "width": 100, "height": 100}, "width": 200, "enlarge": True},
           "allows scaling up, if the original is smaller",
           lambda whole: _small(whole.crop((700, 200, 800, 300)), 200, 200)),
    Judged("ratio", {"width": 200, "ratio": "4:3", "fit": "cover"}, "gives the side that is missing; alone it cuts"
           " (`cover`) or extends (`contain`) to this ratio", lambda whole: _small(whole).crop((0, 59, 200, 209))),
    Judged("down", {"crop": {"left": 700, "top": 200, "width": 100, "height": 100}, "width": 200, "height": 150,
           "fit": "cover-down"}, "`cover-down`: as `cover`, but a small original is cut to the ratio of the box",
           lambda whole: whole.crop((700, 213, 800, 288))),
    Judged("focus", {"width": 200, "height": 150, "fit": "cover", "gravity": "focus", "focus": [0.5, 0.4]}, "the point"
           " around which a cut is made, in fractions of the sides",
           lambda whole: _small(whole).crop((0, 32, 200, 182))),
    Judged("attention", {"width": 200, "height": 150, "fit": "cover", "gravity": "attention"}, "keeps what draws"
           " attention; `entropy` keeps the most information", lambda whole: _small(whole).crop((0, 0, 200, 150))),
    Judged("dpr", {"width": 100, "dpr": 2}, "multiplies the sides and the padding, for screens of several pixels each",
           _small),
    Judged("padding", {"width": 180, "padding": 10, "background": "#ffcc66"}, "adds pixels around the picture; a list:"
           " above and below, left and right; or top, right, bottom, left",
           lambda whole: _on(Image.new("RGB", (200, 260), "#ffcc66"), _small(whole, 180, 240), (10, 10))),
    Judged("rotate", {"rotate": 90, "width": 200}, "turns by right angles, clockwise",
           lambda whole: _small(whole.transpose(Image.Transpose.ROTATE_270), 200, 150)),
    Judged("tilt", {"rotate": 15, "width": 200, "background": "#ffffff"}, "`rotate` by any angle; the corners get the"
           " background", _tilted),
    Judged("flip", {"flip": True, "width": 200}, "mirrors upside down", lambda whole: ImageOps.flip(_small(whole))),
    Judged("flop", {"flop": True, "width": 200}, "mirrors left to right", lambda whole: ImageOps.mirror(_small(whole))),
    Judged("grayscale", {"grayscale": True, "width": 200}, "keeps the luma (ITU-R 601) only",
           lambda whole: luma(_small(whole))),
    Judged("median", {"median": 5, "width": 200}, "the middle of each neighbourhood of 3, 5 or 7 pixels each way",
           lambda whole: _median(_small(whole), 5)),
    Judged("threshold", {"threshold": 110, "blur": 3, "width": 200}, "black below this luma, white from it on",
           lambda whole: gaussian(luma(_small(whole)).point([0] * 110 + [255] * 146), 3)),
    Judged("blur", {"blur": 4, "width": 200}, "Gaussian blur, by its sigma in pixels of the output",
           lambda whole: gaussian(_small(whole), 4)),
    Judged("modulate", {"modulate": {"brightness": 1.2, "saturation": 1.5, "hue": 30}, "width": 200}, "multiplies"
           " lightness and saturation, turns the hue by degrees, adds `lightness`",
           lambda whole: _by_lab(_small(whole), lambda light, a, b: (1.2 * light, *_turned(a, b, 1.5, 30)))),
    Judged("sharpen", {"sharpen": 1.5, "width": 200}, "sharpens by an unsharp mask, by its sigma",
           lambda whole: unsharp(_small(whole), 1.5)),
    Judged("gamma", {"gamma": 1.8, "width": 200}, "brightens the middle (above 1), or darkens it",
           lambda whole: _small(whole).point([round(255 * (level / 255) ** (1 / 1.8)) for level in range(256)] * 3)),
    Judged("linear", {"linear": {"a": 1.4, "b": -51}, "width": 200}, "levels times `a` plus `b`: contrast 1.4 here",
           lambda whole: _small(whole).point([min(255, max(0, round(1.4 * level - 51))) for level in range(256)] * 3)),
    Judged("normalise", {"normalise": {"lower": 0, "upper": 100}, "width": 200}, "stretches lightness from black to"
           " white", _normalised),
    Judged("tint", {"tint": "#cc8844", "width": 200}, "shades of one colour",
           lambda whole: _by_lab(_small(whole), _tint)),
    Judged("negate", {"negate": True, "width": 200}, "the negative", lambda whole: ImageOps.invert(_small(whole))),
    Judged("pixelate", {"pixelate": 8, "width": 200}, "blocks of one colour, by their sides in pixels",
           lambda whole: _small(whole).reduce(8).resize((200, 272), Image.Resampling.NEAREST).crop((0, 0, 200, 267))),
    Judged("radius", {"width": 200, "radius": 40, "background": "#ffffff"}, "rounds the corners", _round),
    Judged("bars", {"width": 200, "height": 200, "fit": "contain", "background": "blur"},
           "the bars of `contain`, or padding, show the picture: `blur` or `mirror`", _on_blurred),
    Judged("watermark", {"width": 200, "watermark": {"name": "logo", "gravity": "southeast", "opacity": 0.8}},
           "lays an image of recipes.toml over the picture",
           lambda whole: _on(_small(whole), mark(), (152, 219), 0.8)),
)  # fmt: skip
"""Every operation, on test-data/sample.jpg."""


def ours(keys: dict[str, Any], **more: Any) -> bytes:
    """What the pipeline makes of the source by these keys of a rendition."""
    spec = {"name": "a", **keys, **more}
    if "watermark" in spec:
        spec["watermark"] = {**spec["watermark"], "digest": DIGEST}
    with SOURCE.open("rb") as file:
        (output,) = run(file, parse({"renditions": [spec]}), LIMITS, {DIGEST: saved(mark())})
    return output.data


def judged(operation: Judged) -> float:
    """The SSIM of our operation, losslessly written, against its reference."""
    with Image.open(SOURCE) as source:
        reference = operation.reference(ImageOps.exif_transpose(source).convert("RGB"))
    image = Image.open(io.BytesIO(ours(operation.keys, format="png")))
    assert image.size == reference.size
    return ssim(image, reference)
