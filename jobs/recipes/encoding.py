"""What a rendition's keys mean to the encoders: the quality of a file, and which keys are of which formats.

Pure; knows the keys of a rendition and the names of formats. worker/images/encoders.py has the encoders' own options.
"""

from collections.abc import Collection

from jobs.images.formats import WITH_METADATA
from jobs.recipes.keys import QUALITY, QUALITY_MIN, RenditionSpec
from jobs.recipes.values.formatted import SPEED_MAX, Webp

DEFAULTS = RenditionSpec(name="a")
"""The keys of a rendition for which nothing is asked."""
_LOSSLESS = frozenset({"webp", "avif"})
OF_FORMATS: dict[str, Collection[str]] = {
    "quality": QUALITY,
    "max_bytes": QUALITY,
    "effort": ("png", "webp", "avif"),
    "chroma": ("jpeg", "avif"),
    "progressive": ("jpeg",),
    "lossless": _LOSSLESS,
    "profile": WITH_METADATA,
    "original_if_smaller": ("jpeg", "png", "webp"),
}
"""The keys that some formats alone have, with these formats. In any other the key does nothing."""
_VIPS_WEBP = ("near_lossless", "smart_subsample", "preset")
_OF_LOSSES = frozenset({"quality", "max_bytes", "chroma"})
"""Keys that do nothing where nothing is lost."""


def is_lossless(spec: RenditionSpec, format: str) -> bool:
    """Whether `lossless` holds in a file of this format."""
    return spec.lossless and format in _LOSSLESS


def quality_of(spec: RenditionSpec, format: str) -> int | None:
    """The quality with which this format is written; None if it has none, or loses nothing."""
    if format not in QUALITY or is_lossless(spec, format):
        return None
    return spec.quality or QUALITY[format]


def effort_of(spec: RenditionSpec, format: str) -> int | None:
    """How hard the encoder of this format tries, 0 to 9. None: by default."""
    speed = spec.avif.speed if spec.avif and format == "avif" else None
    return spec.effort if speed is None else SPEED_MAX - speed


def vips_key(spec: RenditionSpec, format: str) -> str | None:
    """A key for which libvips must write this format; None: there is none."""
    if format == "jpeg":
        return "jpeg.trellis" if spec.jpeg and spec.jpeg.trellis else None
    if format != "webp" or spec.webp is None:
        return None
    return next((f"webp.{key}" for key in _VIPS_WEBP if getattr(spec.webp, key) != getattr(Webp(), key)), None)


def quality_least(spec: RenditionSpec, quality: int) -> int:
    """How far `max_bytes` may take this quality down."""
    return min(quality, spec.quality_min or QUALITY_MIN)


def idle(spec: RenditionSpec, format: str) -> list[str]:
    """The keys of `spec` that do nothing in a file of `format`; `keep`, if one of its kinds has no place there."""
    nothing_lost = is_lossless(spec, format)
    unkept = (format not in WITH_METADATA) if "iptc" not in spec.keep else (format != "jpeg")
    return (["keep"] if spec.keep and unkept else []) + [
        key
        for key, formats in OF_FORMATS.items()
        if getattr(spec, key) != getattr(DEFAULTS, key)
        and (format not in formats or (nothing_lost and key in _OF_LOSSES))
    ]
