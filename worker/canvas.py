"""The canvas of an animation: each frame laid on what the ones before it left, as GIF and APNG have it.

Owns blending and disposal. Pure but for Pillow's pixels; knows no file, and no colours but by their alpha.
"""

from PIL import Image

from jobs.turns import Size
from worker.animation import Disposal, Part

_OPAQUE = {"LA": "L", "RGBA": "RGB"}
_ALPHALESS = frozenset({"L", "RGB"})
_CLEAR: dict[str, tuple[int, ...]] = {"LA": (0, 0), "RGBA": (0, 0, 0, 0)}
_OPAQUE_EXTREMA = (255, 255)


class Canvas:
    """What an animation shows. It begins clear."""

    def __init__(self, size: Size, mode: str) -> None:
        """`mode` is LA or RGBA, as the frames will be laid."""
        self._image = Image.new(mode, size, _CLEAR[mode])
        self._box = (0, 0, 0, 0)
        self._disposal = Disposal.KEEP
        self._before: Image.Image | None = None
        self._solid = self._solid_before = False
        """Known to be opaque everywhere: now, and before the present frame."""

    def lay(self, part: Part, pixels: Image.Image | None) -> Image.Image:
        """What is shown once `pixels` (None: the frame has none) lie at their place; L or RGB where nothing is clear.
        It is the caller's."""
        self._dispose()
        left, top, (width, height) = part.left, part.top, part.size
        self._box = left, top, min(left + width, self._image.width), min(top + height, self._image.height)
        self._disposal = Disposal.KEEP
        if pixels is not None and (*part[:2], pixels.size) == (0, 0, self._image.size) and pixels.mode in _ALPHALESS:
            return self._covered(part, pixels)
        if pixels is not None and self._box[2] > left and self._box[3] > top:
            self._lay(part, pixels)
        return self._shown()

    def _shown(self) -> Image.Image:
        if self._solid:
            return self._image.convert(_OPAQUE[self._image.mode])
        shown = opaque(self._image)
        self._solid = shown is not self._image
        return shown if self._solid else shown.copy()

    def _covered(self, part: Part, pixels: Image.Image) -> Image.Image:
        """Nothing of what was before shows through: half of the work is spared."""
        self._disposal = part.disposal
        self._before = self._image if part.disposal is Disposal.RESTORE else None
        self._image = pixels.convert(self._image.mode)
        self._solid_before, self._solid = self._solid, True
        return pixels

    def _lay(self, part: Part, pixels: Image.Image) -> None:
        self._solid_before = self._solid
        self._solid = self._solid and (part.over or pixels.mode in _ALPHALESS)
        visible = self._box[2] - part.left, self._box[3] - part.top
        pixels = pixels if pixels.mode == self._image.mode else pixels.convert(self._image.mode)
        pixels = pixels if pixels.size == visible else pixels.crop((0, 0, *visible))
        self._disposal = part.disposal
        if part.disposal is Disposal.RESTORE:
            self._before = self._image.crop(self._box)
        if part.over:
            pixels = Image.alpha_composite(self._image.crop(self._box), pixels)
        self._image.paste(pixels, self._box)

    def _dispose(self) -> None:
        if self._disposal is Disposal.CLEAR:
            self._image.paste(_CLEAR[self._image.mode], self._box)
            self._solid = False
        elif self._disposal is Disposal.RESTORE and self._before is not None:
            self._image.paste(self._before, self._box)
            self._solid = self._solid_before
        self._before = None


def opaque(image: Image.Image) -> Image.Image:
    """`image` without alpha where all of it is opaque."""
    if image.mode not in _OPAQUE or image.getchannel("A").getextrema() != _OPAQUE_EXTREMA:
        return image
    return image.convert(_OPAQUE[image.mode])
