"""The colour spaces of renditions other than sRGB: Display P3, and the original's own (the key `profile`).

A picture in such a space needs the space's ICC profile in its file. Background and watermarks are told in sRGB, and are
converted into it. Of gray and CMYK no profile is kept: operations make RGB of them.
"""

import io
from functools import lru_cache
from typing import Any, NamedTuple

from PIL import Image, ImageCms, ImageColor

from worker.images.colours import icc
from worker.images.colours.colourspaces import PRIMARIES, Numbers
from worker.images.colours.convert import converted, eight_bits, usable
from worker.images.colours.declared import Declarations

P3 = icc.rgb_profile(PRIMARIES[12], (icc.srgb_curve,) * 3, name=b"Display P3", short=True)
_SRGB = icc.rgb_profile(icc.SRGB, (icc.srgb_curve,) * 3, short=True)
PROFILE_BYTES_MAX = 1024 * 1024
"""Of a profile that is kept: each rendition carries it. Those of cameras and screens have 0.5 to 100 KB."""
_TRANSFORMS_KEPT = 16
_PLAIN = {"LA": "L", "RGBA": "RGB"}


class Space(NamedTuple):
    """The space of a picture. `profile`: ICC, b"" for sRGB. `met`: it is the one that was asked for."""

    profile: bytes = b""
    met: bool = True


SRGB = Space()


def space(image: Image.Image, declarations: Declarations, name: str) -> Space:
    """The space that a rendition gets, for the decoded `image` and the key `profile` (`p3` or `keep`)."""
    if name == "p3":
        return Space(P3)
    mode = eight_bits(image.copy()).mode if image.mode not in ("RGB", "RGBA") else image.mode
    said = usable(declarations, mode)
    if said is None or (isinstance(said, Numbers) and said.are_srgb):
        return Space(met=not declarations or said is not None)
    large = isinstance(said, bytes) and len(said) > PROFILE_BYTES_MAX
    bright = isinstance(said, Numbers) and said.are_bright
    if large or bright or mode not in ("RGB", "RGBA") or _transform(_SRGB, _profile(said), "RGB") is None:
        return Space(met=False)
    return Space(_profile(said))


def pictured(image: Image.Image, declarations: Declarations, name: str, found: Space) -> Image.Image:
    """A decoded image (or frame) as L, LA, RGB or RGBA in the space that was `found` for it."""
    image = image.copy()
    if not found.profile:
        return converted(image, declarations)[0]
    if name == "keep":
        image = eight_bits(image)
        image.info = {}
        return image
    plain = eight_bits(image)
    said = usable(declarations, plain.mode)
    if said is None or plain.mode in ("L", "LA"):
        return _through(converted(plain, declarations)[0], _SRGB, found.profile)
    plain.info = {}
    return _through(plain, _profile(said), found.profile)


def from_srgb(image: Image.Image, profile: bytes) -> Image.Image:
    """The sRGB `image` (RGB or RGBA) in the space of this profile."""
    return _through(image, _SRGB, profile)


def colour_from_srgb(colour: str, profile: bytes) -> str:
    """The same for #rrggbb or #rrggbbaa."""
    found: Any = ImageColor.getrgb(colour)
    pixel: Any = from_srgb(Image.new("RGB", (1, 1), found[:3]), profile).getpixel((0, 0))
    return "#" + bytes((*pixel, *found[3:])).hex()


def _through(image: Image.Image, source: bytes, target: bytes) -> Image.Image:
    """The pixels of one profile by another. Gray has no colour to convert, as both have the same white and curve."""
    mode = _PLAIN.get(image.mode, image.mode)
    if mode == "L":
        return image
    transform = _transform(source, target, mode)
    if transform is None:
        return image
    made: Image.Image = transform.apply(image if mode == image.mode else image.convert(mode))
    if mode != image.mode:
        made.putalpha(image.getchannel("A"))
    return made


@lru_cache(maxsize=_TRANSFORMS_KEPT)
def _transform(source: bytes, target: bytes, mode: str) -> Any:
    try:
        ours, theirs = (ImageCms.ImageCmsProfile(io.BytesIO(each)) for each in (source, target))
        return ImageCms.buildTransform(ours, theirs, mode, "RGB")
    except (ImageCms.PyCMSError, OSError, ValueError):
        return None


def _profile(said: bytes | Numbers) -> bytes:
    return said if isinstance(said, bytes) else icc.rgb_profile(said.primaries, said.curves)
