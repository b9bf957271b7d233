"""Sides, boxes, and the eight ways to turn a picture: arithmetic without pixels.

Owns what an EXIF orientation means. Knows neither recipes nor images.
"""

from typing import NamedTuple


class Size(NamedTuple):
    """Sides in pixels."""

    width: int
    height: int


class Box(NamedTuple):
    """A part of an image, in its pixels or (where said) as fractions of its sides."""

    left: float
    top: float
    right: float
    bottom: float

    def part(self, part: "Box") -> "Box":
        """The `part` of this, given as fractions."""
        width, height = self.right - self.left, self.bottom - self.top
        return Box(
            self.left + part.left * width,
            self.top + part.top * height,
            self.left + part.right * width,
            self.top + part.bottom * height,
        )

    def contains(self, other: "Box") -> bool:
        """Whether `other` lies within, edges included."""
        return (
            self.left <= other.left
            and self.top <= other.top
            and self.right >= other.right
            and self.bottom >= other.bottom
        )


class Turn(NamedTuple):
    """One of the eight ways to turn a picture: swap its axes, then mirror left-right, then top-bottom."""

    swap: bool = False
    mirror: bool = False
    flip: bool = False

    def then(self, other: "Turn") -> "Turn":
        """This turn followed by `other`, as one."""
        mirror, flip = (self.flip, self.mirror) if other.swap else (self.mirror, self.flip)
        return Turn(self.swap ^ other.swap, mirror ^ other.mirror, flip ^ other.flip)

    def size(self, size: Size) -> Size:
        """The sides after the turn."""
        return Size(size.height, size.width) if self.swap else size

    def do(self, box: Box) -> Box:
        """The part, as fractions, that `box` becomes."""
        left, top, right, bottom = Box(box.top, box.left, box.bottom, box.right) if self.swap else box
        if self.mirror:
            left, right = 1 - right, 1 - left
        if self.flip:
            top, bottom = 1 - bottom, 1 - top
        return Box(left, top, right, bottom)

    def undo(self, box: Box) -> Box:
        """The part, as fractions, that this turn maps to `box`."""
        left, top, right, bottom = box
        if self.flip:
            top, bottom = 1 - bottom, 1 - top
        if self.mirror:
            left, right = 1 - right, 1 - left
        return Box(top, left, bottom, right) if self.swap else Box(left, top, right, bottom)


_Y, _N = True, False
ORIENTATIONS = (
    Turn(), Turn(), Turn(_N, _Y, _N), Turn(_N, _Y, _Y), Turn(_N, _N, _Y),
    Turn(_Y, _N, _N), Turn(_Y, _Y, _N), Turn(_Y, _Y, _Y), Turn(_Y, _N, _Y),
)  # fmt: skip
"""The turn that sets a picture of EXIF orientation 1 to 8 upright; 0 (unknown) leaves it."""
QUARTERS = (Turn(), Turn(_Y, _Y, _N), Turn(_N, _Y, _Y), Turn(_Y, _N, _Y))
"""Clockwise by 0, 90, 180 and 270 degrees."""
WHOLE = Box(0.0, 0.0, 1.0, 1.0)
