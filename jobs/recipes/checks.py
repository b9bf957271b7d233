"""Refuses a rendition whose keys together can do nothing, or ask for more than any rendition may have.

Pure; knows the keys of one resolved rendition, and no image. One rule holds for all keys: a key that can change
nothing, whatever the image, is refused. If the format is `original`, its keys are judged when it is known: explain
warns, and the rendition's `unmet` names them (jobs/recipes/encoding.py).
"""

from jobs.errors import BadRecipe
from jobs.images.formats import EXTENSIONS, SPOKEN
from jobs.images.turns import Size
from jobs.limits import OUTPUT_PIXELS_MAX, SIDE_MAX
from jobs.recipes.encoding import DEFAULTS, idle, is_lossless, vips_key
from jobs.recipes.expand import edges
from jobs.recipes.keys import BARS, CUTS, AskedRendition, RenditionSpec
from jobs.recipes.values.formatted import ALPHA_QUALITY, BLOCKS, COLOURS_MAX

_STAYING = frozenset({
    "name", "width", "height", "ratio", "fit", "gravity", "focus", "enlarge", "trim", "crop", "rotate", "flip", "flop",
    "format", "quality", "max_bytes", "quality_min", "effort", "lossless", "jpeg", "webp", "avif",
    "keep", "original_if_smaller",
})  # fmt: skip
"""The keys with which a picture may stay as its original has it. (Its part and sides are known with the image.)"""


def check(spec: RenditionSpec, asked: AskedRendition, path: str, *, vips: bool) -> None:
    """Raises BadRecipe for a rendition, which was `asked` at `path` of the JSON. `vips`: the extra of that name is
    installed."""
    if spec.gravity != "center" and not _places(spec):
        needs = "`gravity` needs a cut or bars: cover or cover-down with both sides or a ratio, or contain with a side"
        raise BadRecipe(f"{path}.gravity", needs)
    if spec.quality_min is not None and spec.max_bytes is None:
        raise BadRecipe(f"{path}.quality_min", "`quality_min` needs `max_bytes`")
    _check_blocks(asked, path)
    if not vips and (key := vips_key(spec, "jpeg") or vips_key(spec, "webp")):
        raise BadRecipe(f"{path}.{key}", f"`{key.partition('.')[2]}` needs the extra `vips`, which is not installed")
    if spec.format in EXTENSIONS:
        for key in idle(spec, spec.format):
            key = "keep_metadata" if key == "keep" and not asked.keep else key
            raise BadRecipe(f"{path}.{key}", f"`{key}` does nothing in {_words(spec)}: leave it out")
    if spec.original_if_smaller and (changing := _changing(spec)):
        needs = f"`original_if_smaller` needs pixels that stay, and `{changing[0]}` changes them"
        raise BadRecipe(f"{path}.original_if_smaller", needs)
    if spec.background in BARS and not (spec.padding or (spec.fit == "contain" and _places(spec))):
        raise BadRecipe(f"{path}.background", f"`{spec.background}` needs the fit contain, or padding")
    if spec.padding:
        key = "padding" if edges(spec.padding) == edges(asked.padding) else "dpr"
        _check_padding(spec, f"{path}.{key}")


def _check_blocks(asked: AskedRendition, path: str) -> None:
    """Raises BadRecipe for the block of another format, or for a key in a block that does nothing."""
    for format in BLOCKS:
        if getattr(asked, format) is not None and asked.format not in (format, "original"):
            raise BadRecipe(f"{path}.{format}", f"`{format}` does nothing in {_words(asked)}: leave it out")
    if asked.png and not asked.png.palette and asked.png != BLOCKS["png"]:
        key = "colours" if asked.png.colours != COLOURS_MAX else "dither"
        raise BadRecipe(f"{path}.png.{key}", f"`{key}` needs `palette`")
    if asked.webp and asked.format == "webp" and asked.lossless and asked.webp.alpha_quality != ALPHA_QUALITY:
        raise BadRecipe(f"{path}.webp.alpha_quality", "`alpha_quality` does nothing in a lossless WebP: leave it out")
    if asked.webp and asked.webp.near_lossless and asked.lossless:
        raise BadRecipe(f"{path}.webp.near_lossless", "give near_lossless or lossless, not both")
    if asked.webp and asked.webp.smart_subsample and (asked.webp.near_lossless or asked.lossless):
        raise BadRecipe(f"{path}.webp.smart_subsample", "`smart_subsample` does nothing where nothing is subsampled")
    if asked.avif and asked.avif.speed is not None and asked.effort is not None:
        raise BadRecipe(f"{path}.avif.speed", "give an effort or a speed, not both")


def _changing(spec: RenditionSpec) -> list[str]:
    """The keys of `spec` that always change pixels, or how they are stored."""
    keys = (key for key in RenditionSpec.__struct_fields__ if key not in _STAYING)
    return [key for key in keys if getattr(spec, key) != getattr(DEFAULTS, key)]


def least(spec: RenditionSpec) -> Size:
    """The sides without padding that a rendition has at least, whatever the image."""
    both = spec.width and spec.height
    if spec.fit == "contain" or (spec.enlarge and not (spec.fit == "inside" and both)):
        return Size(spec.width or 1, spec.height or 1)
    return Size(1, 1)


def _places(spec: RenditionSpec) -> bool:
    """Whether a picture is cut, or gets bars."""
    if spec.fit == "contain":
        return bool(spec.width or spec.height or spec.ratio)
    return spec.fit in CUTS and bool((spec.width and spec.height) or spec.ratio)


def _words(spec: RenditionSpec) -> str:
    return f"a lossless {SPOKEN[spec.format]}" if is_lossless(spec, spec.format) else f"a {SPOKEN[spec.format]}"


def _check_padding(spec: RenditionSpec, path: str) -> None:
    top, right, bottom, left = edges(spec.padding)
    width, height = least(spec)
    width, height = left + width + right, top + height + bottom
    if max(width, height) > SIDE_MAX or width * height > OUTPUT_PIXELS_MAX:
        allowed = f"{SIDE_MAX} a side and {OUTPUT_PIXELS_MAX} in all are allowed"
        raise BadRecipe(path, f"with its padding it has at least {width} x {height} pixels, {allowed}")
