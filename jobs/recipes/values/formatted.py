"""The keys of one format each: the blocks `jpeg`, `png`, `webp` and `avif` of a rendition. Types, bounds, defaults."""

from typing import Annotated, Literal

import msgspec
from msgspec import Meta

ALPHA_QUALITY = 100
COLOURS_MAX = 256
SPEED_MIN, SPEED_MAX = 1, 10
"""AVIF's speed, as the efforts 9 to 0."""


Preset = Literal["default", "photo", "picture", "drawing", "icon", "text"]
"""libwebp's kinds of pictures."""


class Jpeg(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """`trellis`: smaller files for more CPU. It needs the extra `vips`."""

    trellis: bool = False


class Png(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """`palette`: at most so many `colours`, alpha included; `dither` mixes them. A picture with no more colours loses
    nothing."""

    palette: bool = False
    colours: Annotated[int, Meta(ge=2, le=COLOURS_MAX)] = COLOURS_MAX
    dither: bool = False


class Webp(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """`alpha_quality`: of the transparency, 100 loses nothing. `exact` keeps the colours under transparent pixels.

    The others need the extra `vips`. `near_lossless`: without loss, after the pixels were made simpler; the quality
    says how little. `smart_subsample`: sharper colours at edges. `preset`: a kind of picture."""

    alpha_quality: Annotated[int, Meta(ge=0, le=100)] = ALPHA_QUALITY
    exact: bool = False
    near_lossless: bool = False
    smart_subsample: bool = False
    preset: Preset = "default"


class Avif(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """`speed`: another word for an effort, 10 for 0 to 1 for 9."""

    speed: Annotated[int, Meta(ge=SPEED_MIN, le=SPEED_MAX)] | None = None


BLOCKS = {"jpeg": Jpeg(), "png": Png(), "webp": Webp(), "avif": Avif()}
"""Each block with its defaults, by the format and the key."""
