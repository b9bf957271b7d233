"""The canvas of an animation: draws each frame on the result of the frames before it, as GIF and APNG define.

Owns blending and disposal. Works on Pillow's pixels, and knows no file. Of colours it knows only alpha.
"""

from typing import Any

from PIL import Image, ImageChops

from jobs.images.turns import Size
from worker.images.formats.animation import Disposal, Part

_OPAQUE = {"LA": "L", "RGBA": "RGB"}
_CLEAR: dict[str, tuple[int, ...]] = {"LA": (0, 0), "RGBA": (0, 0, 0, 0)}
_OPAQUE_EXTREMA = (255, 255)


class Canvas:
    """The picture that an animation shows. It begins transparent. While it is known to be opaque, it has no alpha."""

    def __init__(self, size: Size, mode: str) -> None:
        """`mode`: LA or RGBA, the mode in which frames are drawn."""
        self._mode, self._solid = mode, _OPAQUE[mode]
        self._image = Image.new(mode, size, _CLEAR[mode])
        self._box = (0, 0, 0, 0)
        self._disposal = Disposal.KEEP
        self._before: Image.Image | None = None

    def lay(self, part: Part, pixels: Image.Image | None) -> Image.Image:
        """Draw `pixels` (None: the frame has none) at their place. Returns a copy of the picture, as L or RGB if it is
        opaque."""
        self._dispose()
        left, top, (width, height) = part.left, part.top, part.size
        self._box = left, top, min(left + width, self._image.width), min(top + height, self._image.height)
        self._disposal = Disposal.KEEP
        if pixels is not None and self._box[2] > left and self._box[3] > top:
            self._disposal = part.disposal
            pixels = self._in_its_mode(pixels)
            if pixels.mode == self._solid and (*self._box[:2], pixels.size) == (0, 0, self._image.size):
                self._cover(part, pixels)
            else:
                self._lay(part, pixels)
        return self._shown()

    def _in_its_mode(self, pixels: Image.Image) -> Image.Image:
        mode = self._mode if pixels.mode in _OPAQUE else self._solid
        return pixels if pixels.mode == mode else pixels.convert(mode)

    def _shown(self) -> Image.Image:
        self._image = opaque(self._image)
        return self._image.copy()

    def _cover(self, part: Part, pixels: Image.Image) -> None:
        """Replace the whole canvas by opaque pixels."""
        if part.disposal is Disposal.RESTORE:
            self._before = self._image
        self._image = pixels

    def _lay(self, part: Part, pixels: Image.Image) -> None:
        visible = self._box[2] - part.left, self._box[3] - part.top
        pixels = pixels if pixels.size == visible else pixels.crop((0, 0, *visible))
        if part.disposal is Disposal.RESTORE:
            self._before = self._image.crop(self._box)
        if pixels.mode == self._solid:
            self._image.paste(pixels, self._box)
        elif part.over:
            self._lay_over(pixels)
        else:
            self._with_alpha()
            self._image.paste(pixels, self._box)

    def _lay_over(self, pixels: Image.Image) -> None:
        """Blend over the canvas. If each pixel is either opaque or transparent, copying is enough."""
        alpha = pixels.getchannel("A")
        sharp = alpha.convert("1", dither=Image.Dither.NONE)
        if ImageChops.difference(alpha, sharp.convert("L")).getbbox() is None:
            self._image.paste(pixels, self._box, sharp)
        elif self._image.mode == self._solid:
            self._image.paste(pixels, self._box, alpha)
        else:
            self._image.paste(Image.alpha_composite(self._image.crop(self._box), pixels), self._box)

    def _with_alpha(self) -> None:
        if self._image.mode == self._solid:
            self._image = self._image.convert(self._mode)

    def _dispose(self) -> None:
        if self._disposal is Disposal.CLEAR and self._box == (0, 0, *self._image.size):
            self._image = Image.new(self._mode, self._image.size, _CLEAR[self._mode])
        elif self._disposal is Disposal.CLEAR:
            self._with_alpha()
            self._image.paste(_CLEAR[self._mode], self._box)
        elif self._before is not None and self._before.size == self._image.size:
            self._image = self._before
        elif self._before is not None:
            if self._before.mode == self._mode:  # the canvas may have become opaque since
                self._with_alpha()
            self._image.paste(self._before, self._box)
        self._before = None


def opaque(image: Image.Image) -> Image.Image:
    """`image` without alpha, if all of it is opaque. The corner is checked first: it is transparent in most others."""
    if image.mode not in _OPAQUE:
        return image
    corner: Any = image.getpixel((0, 0))
    if corner[-1] < _OPAQUE_EXTREMA[0] or image.getchannel("A").getextrema() != _OPAQUE_EXTREMA:
        return image
    return image.convert(_OPAQUE[image.mode])
