"""The image path: one original in, the renditions of its recipe out, each as soon as it is encoded.

Owns the order of things: the guards, one decode at the smallest scale that serves the largest
rendition, colours, then the plan's steps. Knows no sockets, stores or jobs.
"""

import io
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from typing import BinaryIO, NamedTuple

import PIL
from PIL import Image

from jobs.errors import ImageFault
from jobs.imagehead import HEAD_BYTES, Head, read_head
from jobs.recipe import Recipe, RenditionSpec, parse
from worker import imagefile, operations
from worker.colours import to_srgb
from worker.core.plan import FULL_SCALE, JPEG_SCALES, Derivation, Plan, plan
from worker.core.turns import Size

ENGINE = f"pillow-{PIL.__version__}/1"
"""What made a rendition: the same bytes and recipe under the same engine give the same result."""


class PipelineLimits(NamedTuple):
    """Pixels and frames that an original may have."""

    pixels_max: int
    frames_max: int


class Output(NamedTuple):
    """One encoded rendition: its name, format, file name extension, sides in pixels and bytes."""

    name: str
    format: str
    extension: str
    width: int
    height: int
    data: bytes


@dataclass(slots=True)
class Work:
    """One original on its way: each step of READING fills in what the next ones need."""

    file: BinaryIO
    recipe: Recipe
    limits: PipelineLimits
    head: Head = field(init=False)
    image: Image.Image = field(init=False)
    exif: bytes = field(init=False)
    plan: Plan = field(init=False)


def run(file: BinaryIO, recipe: Recipe, limits: PipelineLimits) -> Iterator[Output]:
    """The renditions of the image in `file` (seekable), largest first.

    Raises ImageFault (`undecodable`, `pixels_over_limit`, `frames_over_limit`, `operation_failed`).
    A MemoryError is the caller's: it says nothing about the image.
    """
    work = Work(file, recipe, limits)
    with imagefile.blamed("undecodable"):
        for read in READING:
            read(work)
    kept: dict[str | None, Image.Image] = {None: work.image}
    del work.image  # freed as soon as nothing derives from it
    for index, derivation in enumerate(work.plan.steps):
        with imagefile.blamed("operation_failed"):
            output, kept[derivation.shape.spec.name] = _rendition(work, derivation, kept[derivation.parent])
        parents = {later.parent for later in work.plan.steps[index + 1 :]}
        kept = {name: image for name, image in kept.items() if name in parents}
        yield output


def identify(work: Work) -> None:
    """The format by the first bytes, whatever the name said."""
    work.file.seek(0)
    head = read_head(work.file.read(HEAD_BYTES))
    if head is None:
        raise ImageFault("the first bytes are of no image type that is read here", code="undecodable")
    work.head = head


def guard_head(work: Work) -> None:
    """The pixel limit on what the head claims: before Pillow, which reserves some formats' canvas at once."""
    _check_pixels(work.head.width * work.head.height, work.limits)


def open_file(work: Work) -> None:
    """The one plugin of that format reads the header."""
    work.image = imagefile.open_image(work.file, work.head.format)


def guard_pixels(work: Work) -> None:
    """The pixel limit on what the plugin found, before a draft changes the sides."""
    _check_pixels(work.image.width * work.image.height, work.limits)


def guard_frames(work: Work) -> None:
    """The frame limit, without decoding a frame."""
    allowed = work.limits.frames_max
    if (actual := imagefile.frames(work.image, work.file, allowed)) > allowed:
        more = " or more" if work.head.format == "gif" else ""
        raise ImageFault(f"frames_max allows {allowed}, this has {actual}{more}", code="frames_over_limit")


def make_plan(work: Work) -> None:
    """What to decode and derive. Only a JPEG tells its orientation, and scales, before it is decoded."""
    jpeg = work.head.format == "jpeg"
    if not jpeg:
        imagefile.decode(work.image, scale=1)
    work.exif = imagefile.exif(work.image)
    orientation = imagefile.orientation(work.exif)
    work.plan = plan(work.recipe, Size(*work.image.size), orientation, JPEG_SCALES if jpeg else FULL_SCALE)


def decode(work: Work) -> None:
    """The pixels, once for all renditions."""
    imagefile.decode(work.image, work.plan.scale)


def colours(work: Work) -> None:
    """To sRGB; from here on the image has no metadata."""
    work.image = to_srgb(work.image)


READING: tuple[Callable[[Work], None], ...] = (
    identify,
    guard_head,
    open_file,
    guard_pixels,
    guard_frames,
    make_plan,
    decode,
    colours,
)


def warm() -> None:
    """Use every codec and the colour conversion once, so that nothing is loaded later."""
    image = Image.new("RGBA", (16, 16), "#336699")
    every = {"name": "a", "width": 8, "height": 8, "fit": "contain", "blur": 1, "sharpen": 1, "rotate": 10}
    for format in imagefile.EXTENSIONS:
        data = imagefile.encode(image.convert("RGB"), format, RenditionSpec(name="a"), b"")
        list(run(io.BytesIO(data), parse({"renditions": [{**every, "format": format}]}), PipelineLimits(256, 1)))


def _rendition(work: Work, derivation: Derivation, parent: Image.Image) -> tuple[Output, Image.Image]:
    """The rendition of one step, and its resized pixels for those that derive from it."""
    spec = derivation.shape.spec
    format = imagefile.output_format(spec.format, work.head.format)
    step = operations.Step(derivation, imagefile.has_alpha(format))
    resized = image = operations.resize(parent, step)
    for operation in operations.AFTER_RESIZE:
        image = operation(image, step)
    metadata = imagefile.upright(work.exif) if spec.keep_metadata else b""
    data = imagefile.encode(image, format, spec, metadata)
    return Output(spec.name, format, imagefile.EXTENSIONS[format], image.width, image.height, data), resized


def _check_pixels(actual: int, limits: PipelineLimits) -> None:
    if actual > limits.pixels_max:
        raise ImageFault(f"pixels_max allows {limits.pixels_max}, this has {actual}", code="pixels_over_limit")
