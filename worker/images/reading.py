"""Reads an original: checks the limits, decodes it once at the smallest scale that is enough for the largest rendition,
and converts its colours.

Owns the order of these steps, and their results. Makes no rendition: worker/images/pipeline.py does.
"""

import io
import itertools
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field
from typing import BinaryIO, NamedTuple

from PIL import Image

from jobs.errors import ImageFault
from jobs.images import exif
from jobs.images.facts import SAMPLE_SIDE, Facts, Info
from jobs.images.formats import WITH_METADATA, output_format
from jobs.images.head import Head, read_head_of
from jobs.images.kept.blocks import Sources
from jobs.images.turns import ORIENTATIONS, Box, Size
from jobs.job import Unmet
from jobs.limits import JPEG_SCANS_MAX
from jobs.recipes.keys import Crop, Trim
from jobs.recipes.libraries import planes_serve
from jobs.recipes.measured import UNMEASURED, Measured, seeking, trimmed
from jobs.recipes.memory import most
from jobs.recipes.pages import animates, beyond
from jobs.recipes.plan import FULL_SCALE, JPEG_SCALES, Plan, plan
from jobs.recipes.recipe import Recipe, RenditionSpec
from jobs.units import exceeded
from worker.images import attention, imagefile, motion, planar, trimming
from worker.images.canvas import opaque
from worker.images.colours import spaces
from worker.images.colours.convert import SAMPLED_SIDE, converted, dominant_colour, keeps_colours
from worker.images.colours.declared import Declarations, colours_of
from worker.images.colours.spaces import Space
from worker.images.facts import looks
from worker.images.facts.about import About, about
from worker.images.facts.info import info
from worker.images.formats import address_space, jpegfile, tiffs, turbojpeg, vips
from worker.images.kept.sources import NO_SOURCES, sources
from worker.images.looks.scaling import turned
from worker.images.planar import Planes


class PipelineLimits(NamedTuple):
    """How many pixels and frames an original may have."""

    pixels_max: int
    frames_max: int


@dataclass(slots=True)
class Work:
    """One original that is being read. Each step of READING sets fields that the later ones need.

    `file`: the image as the plugin has it. `declarations`: its declarations of colours. `planes`: a JPEG that was
    decoded to planes. `image`: its (first) picture in sRGB. `page`: that all renditions show; None: the main picture.
    `spaces`, `wide`: the colour spaces other than sRGB that renditions ask for, and the picture in each.
    `unmet`: losses of colour in all renditions. `watermarks`: by digest. `plays`: how often an animation is played (0:
    for ever). `apart`: `image` is not one of the frames. `about`, `facts`: if the recipe asks for them.
    """

    stream: BinaryIO
    recipe: Recipe
    limits: PipelineLimits
    watermarks: Mapping[str, bytes]
    page: int | None = None
    head: Head = field(init=False)
    file: Image.Image = field(init=False)
    frames: int = field(init=False)
    moving: bool = field(init=False)
    apart: bool = field(init=False)
    plays: int = field(init=False)
    exif: bytes = field(init=False)
    sources: Sources = NO_SOURCES
    orientation: int = field(init=False)
    stored: Size = field(init=False)
    plan: Plan = field(init=False)
    measured: Measured = UNMEASURED
    declarations: Declarations = field(init=False)
    planes: Planes | None = None
    image: Image.Image | Planes = field(init=False)
    spaces: dict[str, Space] = field(default_factory=dict)
    wide: dict[str, Image.Image] = field(default_factory=dict)
    unmet: Unmet = field(init=False)
    dominant_colour: str | None = field(init=False)
    about: About | None = None
    facts: Facts | None = None

    def format(self, spec: RenditionSpec) -> str:
        """The format of this rendition's file."""
        return output_format(spec.format, self.head.format)

    def profile(self, spec: RenditionSpec) -> str:
        """The colour space of this rendition's pixels, in the recipe's words. Formats without a profile have sRGB."""
        return spec.profile if self.format(spec) in WITH_METADATA else "srgb"

    def moves(self, spec: RenditionSpec) -> bool:
        """Whether this rendition is an animation."""
        return self.moving and animates(spec, self.format(spec))

    def moves_at_all(self) -> bool:
        """Whether any rendition is an animation."""
        return any(self.moves(spec) for spec in self.recipe.renditions)


def identify(work: Work) -> None:
    """Find the format by the first bytes, not by the file's name."""
    head = read_head_of(work.stream)
    work.stream.seek(0)
    if head is None or head.format not in imagefile.PLUGINS:
        raise ImageFault("the first bytes are not those of a supported image type", code="undecodable")
    work.head = head


def turn_to_page(work: Work) -> None:
    """Of a TIFF, leave the asked page as its only one. The page of an animation is found among its frames, later."""
    if work.page is None or work.head.format != "tiff":
        return
    found = tiffs.pages(work.stream)
    if work.page >= len(found):
        raise beyond(work.recipe.renditions[0], len(found))
    if work.page:
        work.stream.seek(0)
        work.stream = io.BytesIO(tiffs.retagged(work.stream.read(), found[work.page], {}))
        identify(work)


def guard_head(work: Work) -> None:
    """Apply the pixel limit to the size in the head, before Pillow allocates the canvas of some formats."""
    _check_pixels(work.head.width * work.head.height, work.limits)


def open_file(work: Work) -> None:
    """Let the plugin of the format read the header."""
    imagefile.bound(work.limits.pixels_max)
    work.file = imagefile.open_image(work.stream, work.head.format, work.head.width * work.head.height)


def guard_pixels(work: Work) -> None:
    """Apply the pixel limit to the size that the plugin found, before a draft (JPEG scaling) changes it."""
    _check_pixels(work.file.width * work.file.height, work.limits)


def guard_frames(work: Work) -> None:
    """Apply the frame limit, without decoding a frame, and the pixel limit to the size with all frames."""
    allowed = work.limits.frames_max
    work.frames, width, height, work.moving, work.apart = motion.extent(work.file, work.stream, allowed)
    work.plays = motion.plays(work.file)
    if work.frames > allowed:
        detail = exceeded("frames_max", allowed, work.frames, or_more=work.head.format == "gif")
        raise ImageFault(detail, code="frames_over_limit")
    _check_pixels(width * height, work.limits)
    if work.page is not None and work.page >= work.frames and work.head.format != "tiff":
        raise beyond(work.recipe.renditions[0], work.frames)


def guard_scans(work: Work) -> None:
    """Limit the scans of a JPEG, because libjpeg visits all blocks of the picture for each scan."""
    if work.head.format != "jpeg":
        return
    at = work.stream.tell()
    several = jpegfile.has_several_scans(work.file, work.stream)
    if several and jpegfile.has_more_scans(work.stream, JPEG_SCANS_MAX):
        raise ImageFault(f"a JPEG may have {JPEG_SCANS_MAX} scans, this has more", code="undecodable")
    work.stream.seek(at)


def guard_memory(work: Work) -> None:
    """Probe for the memory of the rendition that needs most. Raises MemoryError if it is not free."""
    if (need := most(work.recipe, work.head.format, Size(*work.file.size))) is not None:
        address_space.require(need.size_bytes, f"{need}")


def decode_whole(work: Work) -> None:
    """Decode all formats except JPEG, which is decoded later at a scale; of an animation, the first frame. libvips
    decodes the formats that it serves; Pillow decodes the others, and the files on which libvips fails."""
    if _scales(work):
        return
    by_vips = vips.serves(work.head.format, work.file, work.frames)
    made = imagefile.decode_by_vips(work.file, work.stream) if by_vips else None
    if made is not None:
        work.file = made
    elif work.head.format == "gif":
        work.file = motion.first(work.file, work.stream)
    elif work.head.format == "avif" and work.frames == 1:
        work.file = imagefile.decode_avif(work.file, work.stream)
    else:
        imagefile.decode(work.file, scale=1)


def make_plan(work: Work) -> None:
    """Make the plan: the scale of the decode, and which rendition derives from which."""
    work.exif = imagefile.exif(work.file, work.stream, work.head.format)
    if any(spec.keep for spec in work.recipe.renditions):
        work.sources = sources(work.file, work.stream, work.head.format, work.exif)
    work.stored = Size(*work.file.size)
    work.orientation = exif.orientation(work.exif)
    work.plan = _planned(work)


def _planned(work: Work) -> Plan:
    scales = JPEG_SCALES if _scales(work) else FULL_SCALE
    alike = all(work.profile(spec) == spec.profile for spec in work.recipe.renditions)
    chained = alike and not work.moves_at_all()
    return plan(work.recipe, work.stored, work.orientation, scales, work.measured, chained=chained)


def note(work: Work) -> None:
    """Take down what the file tells, if the recipe asks for it: the conversion of colours drops it."""
    if work.recipe.info:
        at = work.stream.tell()
        work.about = about(work.head.format, work.stream, work.file, work.exif, moving=work.moving)
        work.stream.seek(at)


def decode_scaled(work: Work) -> None:
    """Decode a JPEG, at the scale of the plan: to its planes where they serve, else by Pillow."""
    if not _scales(work):
        return
    work.declarations = colours_of(work.head.format, work.file.info, work.stream)
    if turbojpeg.INSTALLED and keeps_colours(work.file, work.declarations):
        steps = [(step, work.format(step.shape.spec)) for step in work.plan.steps]
        work.planes = planar.decoded(work.stream, work.plan.scale) if planes_serve(steps) else None
    if work.planes is None:
        work.file = imagefile.decode_jpeg(work.file, work.stream, work.plan.scale)


def _scales(work: Work) -> bool:
    return work.head.format == "jpeg"


def colours(work: Work) -> None:
    """Convert to sRGB. From here on the image has no metadata."""
    if work.planes is not None:
        work.image, work.unmet = work.planes, ()
        return
    work.declarations = colours_of(work.head.format, work.file.info, work.stream)
    for name in {work.profile(spec) for spec in work.recipe.renditions} - {"srgb"}:
        work.spaces[name] = spaces.space(work.file, work.declarations, name)
        work.wide[name] = spaces.pictured(work.file, work.declarations, name, work.spaces[name])
    seeks = work.moving and work.head.format in motion.SEEKS
    image, work.unmet = converted(work.file.copy() if seeks else work.file, work.declarations)
    if seeks:  # (an animated WebP is always read with alpha)
        image = opaque(image)
    work.image = image


def turn_to_frame(work: Work) -> None:
    """Of an animation, take the frame that is asked for as a page."""
    if work.page is None or not work.moving:
        return
    still = work.image if isinstance(work.image, Image.Image) and not work.apart else None
    work.image = _frame(work, work.page, work.declarations, still)
    for name, space in work.spaces.items():
        work.wide[name] = spaces.pictured(_frame(work, work.page, (), None), work.declarations, name, space)


def _frame(work: Work, number: int, declarations: Declarations, still: Image.Image | None) -> Image.Image:
    shown = motion.shown(work.head.format, work.file, work.stream, declarations, still)
    picture, _ = next(itertools.islice(shown, number, None))
    return picture


def measure(work: Work) -> None:
    """Ask the pixels what some keys need to know, and plan again. Without such keys it does nothing."""
    specs = work.recipe.renditions
    trims = {spec.trim for spec in specs if isinstance(spec.trim, Trim)}
    if trims:
        work.measured = Measured(_trims(work, trims))
    sought = {(kind, trimmed(spec, work.measured)) for spec in specs if (kind := seeking(spec))}
    if sought:  # an animation's first picture tells it for all frames
        upright = ORIENTATIONS[work.orientation]
        grids = attention.sampled(work.image, sought, work.stored, upright)
        work.measured = work.measured._replace(grids=grids)
    if trims or sought:
        work.plan = _planned(work)


def _trims(work: Work, trims: set[Trim]) -> dict[Trim, Crop]:
    """The part of the upright image that each trim leaves."""
    assert isinstance(work.image, Image.Image)
    upright = ORIENTATIONS[work.orientation]
    pictures: Iterable[Image.Image] = [work.image]
    if work.moves_at_all():  # one part for all frames
        still = None if work.apart else work.image
        shown = motion.shown(work.head.format, work.file, work.stream, work.declarations, still)
        pictures = itertools.chain(pictures, (picture for picture, _ in shown))
    return trimming.measured(pictures, trims, work.stored, upright)


def look(work: Work) -> None:
    """Find the colour that a page may paint until the picture has loaded."""
    image = work.image
    work.dominant_colour = dominant_colour(planar.sampled(image, SAMPLED_SIDE) if isinstance(image, Planes) else image)


def describe(work: Work) -> None:
    """Find the facts that the recipe asks for, from a small upright picture. Without renditions, decode all frames, so
    that the job tells whether the image is whole."""
    recipe = work.recipe
    if not recipe.asks_facts:
        return
    sample = turned(_sampled(work.image), ORIENTATIONS[work.orientation])
    made = looks.placeholder(sample, work.dominant_colour, recipe.placeholder) if recipe.placeholder else None
    work.facts = Facts(work.stored, work.dominant_colour, made, _info(work, sample))
    if work.moving and not recipe.renditions:
        still = work.image if isinstance(work.image, Image.Image) and not work.apart else None
        for _ in motion.shown(work.head.format, work.file, work.stream, work.declarations, still):
            pass


def _info(work: Work, sample: Image.Image) -> Info | None:
    if work.about is None:
        return None
    return info(
        work.about,
        sample,
        frames=work.frames,
        seconds=motion.seconds(work.head.format, work.file, work.stream) if work.moving else None,
        plays=work.plays if work.moving else None,
        opaque=isinstance(work.image, Planes) or opaque(work.image).mode in ("L", "RGB"),
        unmet=work.unmet,
        private=work.recipe.info is not True,
        colours=work.recipe.palette or 0,
    )


def _sampled(image: Image.Image | Planes) -> Image.Image:
    """A small picture of the whole image."""
    if isinstance(image, Image.Image):
        return looks.small(image, SAMPLE_SIDE)
    size = looks.within(image.size, SAMPLE_SIDE)
    return planar.image(planar.resize(image, Box(0, 0, *image.size), size, full=True))


READING: tuple[Callable[[Work], None], ...] = (
    identify,
    turn_to_page,
    guard_head,
    open_file,
    guard_pixels,
    guard_frames,
    guard_scans,
    guard_memory,
    decode_whole,
    make_plan,
    note,
    decode_scaled,
    colours,
    turn_to_frame,
    measure,
    look,
    describe,
)


def _check_pixels(actual: int, limits: PipelineLimits) -> None:
    if actual > limits.pixels_max:
        raise ImageFault(exceeded("pixels_max", limits.pixels_max, actual), code="pixels_over_limit")
