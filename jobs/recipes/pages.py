"""Which picture of a file with several a rendition shows: one page, one frame, or an animation's first frames.

Pure. Owns what `page`, `animated` and `frames` mean together with the other keys. Knows no file.
"""

from jobs.errors import BadRecipe, ImageFault
from jobs.images.formats import ANIMATED, MAY_ANIMATE
from jobs.recipes.keys import RenditionSpec


def check_pages(spec: RenditionSpec, path: str) -> None:
    """Raises BadRecipe for keys that cannot be honoured together. `original` may turn out as any format."""
    moves = spec.format == "original" or spec.format in ANIMATED
    if spec.page is not None and (spec.animated or spec.frames):
        key = "animated" if spec.animated else "frames"
        raise BadRecipe(f"{path}.{key}", "one `page` is a still: leave this out")
    if spec.animated and not moves and spec.format not in MAY_ANIMATE:
        raise BadRecipe(f"{path}.animated", f"a {spec.format} cannot be animated")
    if spec.frames and (spec.animated is False or not (moves or spec.animated)):
        raise BadRecipe(f"{path}.frames", "`frames` is for animations, and this is a still")


def animates(spec: RenditionSpec, format: str) -> bool:
    """Whether a rendition of this `format` shows an animation as one."""
    if spec.page is not None or spec.animated is False:
        return False
    return format in ANIMATED or (bool(spec.animated) and format in MAY_ANIMATE)


def beyond(spec: RenditionSpec, pages: int) -> ImageFault:
    """The fault of a page that is not there; there are so many `pages`."""
    detail = f"rendition {spec.name!r}: page {spec.page} is asked, counted from 0, and there are {pages}"
    return ImageFault(detail, code="operation_failed")
