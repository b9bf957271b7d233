"""Renditions of one picture in several sizes or formats: the texts for `srcset`, and which of them answers a reader.

They are known by their names, as `widths`, `dpr` and `formats` make them: card-640w-2x-avif. Pure; knows no request.
"""

import re
from collections.abc import Collection, Iterable, Sequence

from jobs.job import Rendition
from web.views.shapes import SourceSet

MEDIA_TYPES = {
    "jpeg": "image/jpeg",
    "png": "image/png",
    "webp": "image/webp",
    "avif": "image/avif",
    "gif": "image/gif",
    "tiff": "image/tiff",
    "bmp": "image/bmp",
    "heic": "image/heic",
}
PREFERRED = ("avif", "webp", "png", "jpeg", "gif")
"""The formats of renditions, the best first."""
NEW = ("avif", "webp")
"""Only a reader that names these gets them: older browsers accept every image, and cannot show these."""
_NAME = re.compile(r"(.+?)(-[0-9]+w)?(?:-([0-9]+(?:_[0-9]+)?)x)?(?:-(avif|webp|png|jpeg|gif))?")


def source_sets(renditions: Iterable[Rendition], here: str, by_grant: str = "") -> list[SourceSet]:
    """For each picture that comes in several sizes or formats: a source of each format, the best first. `here`: the
    address of the job. The addresses end with `by_grant`."""
    found: dict[tuple[str, str], list[tuple[float, str, str]]] = {}
    for each in renditions:
        parts = _NAME.fullmatch(each.name)
        if parts is None or not any(parts.groups()[1:]):
            continue
        name, of_width, density, _ = parts.groups()
        by = each.width if of_width or not density else float(density.replace("_", "."))
        unit = "w" if of_width or not density else "x"
        address = f"{here}/renditions/{each.name}{by_grant}"
        found.setdefault((name, each.format), []).append((by, unit, address))
    ordered = sorted(found.items(), key=lambda one: (one[0][0], _rank(one[0][1])))
    return [SourceSet(name, MEDIA_TYPES[format], _written(sources)) for (name, format), sources in ordered]


def chosen(renditions: Sequence[Rendition], name: str, accepted: Collection[str]) -> tuple[Rendition | None, bool]:
    """The rendition of this name, or the best of those in several formats for a reader who accepts these media types.
    Also returns whether what the reader accepts decided."""
    for each in renditions:
        if each.name == name:
            return each, False
    able = sorted(
        (each for each in renditions if each.name == f"{name}-{each.format}"), key=lambda one: _rank(one.format)
    )
    wanted = [each for each in able if each.format not in NEW or MEDIA_TYPES[each.format] in accepted]
    return next(iter(wanted or able[::-1]), None), True


def _rank(format: str) -> int:
    return PREFERRED.index(format) if format in PREFERRED else len(PREFERRED)


def _written(sources: list[tuple[float, str, str]]) -> str:
    """The text of `srcset`: each size once, the smallest first."""
    sizes: dict[tuple[str, float], str] = {}
    for by, unit, address in sorted(sources):
        sizes.setdefault((unit, by), address)
    return ", ".join(f"{address} {by:g}{unit}" for (unit, by), address in sizes.items())
