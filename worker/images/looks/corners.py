"""Rounds the corners of a picture: each pixel of a corner keeps the part of its alpha that the circle covers."""

from PIL import Image, ImageChops

from jobs.images.turns import Size
from jobs.recipes.expand import corners
from jobs.recipes.keys import Corner, Radius

SUBROWS = 4
"""A row of pixels is cut by the circle in this many places; within each, the cut is exact."""


def radii(asked: Radius, size: Size) -> tuple[int, int, int, int]:
    """The radii in pixels of a picture of this size: half of its smaller side at most."""
    side = min(size)

    def pixels(corner: Corner) -> int:
        length = int(corner[:-1]) * side / 100 if isinstance(corner, str) else corner
        return min(round(length), side // 2)

    first, second, third, fourth = map(pixels, corners(asked))
    return first, second, third, fourth


def rounded(image: Image.Image, radii: tuple[int, int, int, int]) -> Image.Image:
    """The image with these radii: left upper, right upper, right lower, left lower."""
    made = image.copy() if image.mode == "RGBA" else image.convert("RGBA")
    alpha = made.getchannel("A")
    for index, radius in enumerate(radii):
        if radius:
            left = made.width - radius if index in (1, 2) else 0
            top = made.height - radius if index in (2, 3) else 0
            box = left, top, left + radius, top + radius
            mask = covered(radius)
            if left:
                mask = mask.transpose(Image.Transpose.FLIP_LEFT_RIGHT)
            if top:
                mask = mask.transpose(Image.Transpose.FLIP_TOP_BOTTOM)
            alpha.paste(ImageChops.multiply(alpha.crop(box), mask), box)
    made.putalpha(alpha)
    return made


def covered(radius: int) -> Image.Image:
    """The share (of 255) of each pixel of a left upper corner that its quarter of a circle covers. The cuts of rows are
    used where the circle is steep; its flat half is the same, turned."""
    rows = []
    for row in range(radius):
        heights = (radius - row - (each + 0.5) / SUBROWS for each in range(SUBROWS))
        edges = sorted(radius - (radius**2 - height**2) ** 0.5 for height in heights)
        first, last = int(edges[0]), min(radius, int(edges[-1]) + 1)
        parts = (sum(min(1.0, max(0.0, column + 1 - edge)) for edge in edges) for column in range(first, last))
        cut = bytes(round(255 * part / SUBROWS) for part in parts)
        rows.append(bytes(first) + cut + b"\xff" * (radius - last))
    steep = Image.frombytes("L", (radius, radius), b"".join(rows))
    below = b"".join(b"\xff" * row + bytes(radius - row) for row in range(radius))
    flat = steep.transpose(Image.Transpose.TRANSPOSE)
    return Image.composite(steep, flat, Image.frombytes("L", (radius, radius), below))
