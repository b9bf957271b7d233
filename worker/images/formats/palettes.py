"""Pictures with a palette of few colours, for PNG. If a picture has no more colours than that, nothing is lost."""

from typing import Any, NamedTuple

from PIL import Image, ImageChops

_LEVELS = 256
_CLEAR = (0, 0, 0)


class Reduced(NamedTuple):
    """A picture with a palette. `smooth`: it was dithered if that was asked, or lost nothing."""

    image: Image.Image
    smooth: bool


def reduced(image: Image.Image, colours: int, *, dither: bool) -> Reduced:
    """An image (L, LA, RGB or RGBA) with at most so many colours, alpha included. Pillow does not dither pictures that
    are half transparent somewhere."""
    if image.mode in ("LA", "RGBA") and image.getchannel("A").getextrema() != (255, 255):
        return _of_alpha(image.convert("RGBA"), colours, dither=dither)
    return Reduced(_of_rgb(image.convert("RGB"), colours, dither=dither), True)


def _of_rgb(image: Image.Image, colours: int, *, dither: bool) -> Image.Image:
    made = image.quantize(colours, Image.Quantize.MEDIANCUT)
    if not dither or image.getcolors(colours) is not None:
        return made
    return image.quantize(palette=made, dither=Image.Dither.FLOYDSTEINBERG)


def _of_alpha(image: Image.Image, colours: int, *, dither: bool) -> Reduced:
    exact: Any = image.getcolors(colours)
    alpha = image.getchannel("A")
    if exact is not None:
        return Reduced(_exact(image, [colour for _, colour in exact]), True)
    sharp = alpha.convert("1", dither=Image.Dither.NONE)
    if ImageChops.difference(alpha, sharp.convert("L")).getbbox() is not None:
        return Reduced(image.quantize(colours, Image.Quantize.FASTOCTREE), not dither)
    clear = ImageChops.invert(sharp.convert("L")).convert("1")
    opaque = image.convert("RGB")
    opaque.paste(_CLEAR, mask=clear)
    made = _of_rgb(opaque, max(1, colours - 1), dither=dither)
    palette = (made.getpalette() or [])[: 3 * (colours - 1)]
    table = [value for at in range(0, len(palette), 3) for value in (*palette[at : at + 3], 255)]
    made.paste(len(table) // 4, mask=clear)
    made.putpalette(bytes(table) + bytes(4), "RGBA")
    return Reduced(made, True)


def _exact(image: Image.Image, colours: list[tuple[int, ...]]) -> Image.Image:
    """The RGBA `image`, which has these colours alone, at most 256. A number for each pair of a colour and an alpha is
    looked up in a table."""
    opaque = image.convert("RGB").quantize(_LEVELS, Image.Quantize.MEDIANCUT)
    palette = opaque.getpalette() or []
    places = {tuple(palette[at : at + 3]): at // 3 for at in range(len(palette) - 3, -1, -3)}
    table = bytearray(_LEVELS * _LEVELS)
    for place, colour in enumerate(colours):
        table[places[colour[:3]] * _LEVELS + colour[3]] = place
    pairs = bytearray(2 * image.width * image.height)
    pairs[::2], pairs[1::2] = image.getchannel("A").tobytes(), opaque.tobytes()
    numbers = Image.frombytes("I;16", image.size, bytes(pairs)).convert("I")
    made = Image.frombytes("P", image.size, numbers.point(list(table), "L").tobytes())
    made.putpalette(bytes(value for colour in colours for value in colour), "RGBA")
    return made
