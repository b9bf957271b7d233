"""The facts of `info`, put together: what the file tells, what its picture looks like, and how it moves.

Owns which of them are private. Knows no file.
"""

from fractions import Fraction

from PIL import Image

from jobs.images.facts import Info, Location
from jobs.job import Unmet
from worker.images.facts import looks
from worker.images.facts.about import About

PRIVATE = ("place", "serial", "owner")


def info(
    about: About,
    sample: Image.Image,
    *,
    frames: int,
    seconds: Fraction | None,
    plays: int | None,
    opaque: bool,
    unmet: Unmet,
    private: bool,
    colours: int,
) -> Info:
    """`sample`: a small upright picture. `seconds` and `plays`: of an animation. `unmet`: what the conversion of
    colours could not do. `private`: whether private facts are asked for. `colours`: of the palette; 0: none."""
    shot = about.shot if private else about.shot._replace(**dict.fromkeys(PRIVATE))
    taken = shot._asdict()
    place, _ = taken.pop("place"), taken.pop("density")
    structure = about.structure
    return Info(
        orientation=about.orientation,
        frames=frames,
        pages=about.pages,
        duration_ms=None if seconds is None else round(1000 * seconds),
        plays=plays,
        alpha=about.alpha or not opaque,
        opaque=opaque,
        bits=structure.bits or None,
        space=structure.space,
        chroma=structure.chroma,
        progressive=structure.progressive,
        density=about.density,
        profile=about.profile,
        code_points=about.code_points,
        unmet=unmet,
        gain_map=structure.gain_map,
        phash=looks.phash(sample),
        average=looks.average(sample),
        palette=looks.palette(sample, colours) if colours else (),
        location=Location(*place) if place else None,
        **taken,
    )
