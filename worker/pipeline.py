"""The image path: one original in, the renditions of its recipe out, each as soon as it is encoded.

Owns the order of things: the guards, one decode at the smallest scale that serves the largest
rendition, colours, then the plan's steps; of an animation, frame by frame. Knows no sockets, stores or jobs.
"""

import io
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field
from functools import lru_cache
from typing import BinaryIO, NamedTuple

import msgspec
import PIL
from PIL import Image

from jobs import exif
from jobs.errors import ImageFault
from jobs.formats import ANIMATED, EXTENSIONS, HEIC, OPAQUE, output_format
from jobs.imagehead import HEAD_BYTES, Head, read_head
from jobs.limits import JPEG_SCANS_MAX
from jobs.plan import FULL_SCALE, JPEG_SCALES, Derivation, Plan, plan
from jobs.recipe import Recipe, RenditionSpec, Watermark, parse
from jobs.turns import Size
from worker import encoders, heic, imagefile, operations
from worker.colours import dominant_colour, to_srgb

ENGINE = f"pillow-{PIL.__version__}/4"
"""What made a rendition: the same bytes and recipe under the same engine give the same result."""


MARKS_KEPT = 4
"""Watermarks that a decoder keeps decoded, at most 64 MB each."""


class PipelineLimits(NamedTuple):
    """Pixels and frames that an original may have."""

    pixels_max: int
    frames_max: int


class Output(NamedTuple):
    """One encoded rendition: its name, format, file name extension, sides in pixels, the dominant colour
    of the original (None: it is transparent) and the bytes."""

    name: str
    format: str
    extension: str
    width: int
    height: int
    dominant_colour: str | None
    data: bytes


@dataclass(slots=True)
class Work:
    """One original on its way: each step of READING fills in what the next ones need.

    `file` is the image as the plugin has it, `image` its (first) picture in sRGB. `watermarks` by digest.
    """

    stream: BinaryIO
    recipe: Recipe
    limits: PipelineLimits
    watermarks: Mapping[str, bytes]
    head: Head = field(init=False)
    file: Image.Image = field(init=False)
    frames: int = field(init=False)
    exif: bytes = field(init=False)
    plan: Plan = field(init=False)
    image: Image.Image = field(init=False)
    dominant_colour: str | None = field(init=False)

    def format(self, spec: RenditionSpec) -> str:
        """What this rendition is written as."""
        return output_format(spec.format, self.head.format)

    def moves(self, spec: RenditionSpec) -> bool:
        """Whether this rendition is an animation."""
        return self.frames > 1 and self.format(spec) in ANIMATED


def _nobody(_stage: str) -> None:
    """Who wants to know the stages, by default."""


def run(
    stream: BinaryIO,
    recipe: Recipe,
    limits: PipelineLimits,
    watermarks: Mapping[str, bytes] | None = None,
    at: Callable[[str], object] = _nobody,
) -> Iterator[Output]:
    """The renditions of the image in `stream` (seekable), largest first; `watermarks`: image files by digest.
    `at` is told each stage before it begins.

    Raises ImageFault (`undecodable`, `pixels_over_limit`, `frames_over_limit`, `operation_failed`).
    A MemoryError is the caller's: it says nothing about the image.
    """
    work = Work(stream, recipe, limits, watermarks or {})
    with imagefile.blamed("undecodable"):
        for read in READING:
            at(read.__name__)
            read(work)
    kept: dict[str | None, Image.Image] = {None: work.image}
    del work.image  # freed as soon as nothing derives from it
    for index, derivation in enumerate(work.plan.steps):
        at(f"rendition {derivation.shape.spec.name}")
        with imagefile.blamed("operation_failed"):
            output, kept[derivation.shape.spec.name] = _rendition(work, derivation, kept[derivation.parent])
        parents = {later.parent for later in work.plan.steps[index + 1 :]}
        kept = {name: image for name, image in kept.items() if name in parents}
        yield output


def identify(work: Work) -> None:
    """The format by the first bytes, whatever the name said."""
    work.stream.seek(0)
    head = read_head(work.stream.read(HEAD_BYTES))
    if head is None or head.format not in imagefile.PLUGINS:
        raise ImageFault("the first bytes are of no image type that is read here", code="undecodable")
    work.head = head


def guard_head(work: Work) -> None:
    """The pixel limit on what the head claims: before Pillow, which reserves some formats' canvas at once."""
    _check_pixels(work.head.width * work.head.height, work.limits)


def open_file(work: Work) -> None:
    """The one plugin of that format reads the header."""
    imagefile.bound(work.limits.pixels_max)
    work.file = imagefile.open_image(work.stream, work.head.format, work.head.width * work.head.height)


def guard_pixels(work: Work) -> None:
    """The pixel limit on what the plugin found, before a draft changes the sides."""
    _check_pixels(work.file.width * work.file.height, work.limits)


def guard_frames(work: Work) -> None:
    """The frame limit, without decoding a frame; and the pixel limit on what later frames add to the canvas."""
    allowed = work.limits.frames_max
    work.frames, width, height = imagefile.extent(work.file, work.stream, allowed)
    if work.frames > allowed:
        more = " or more" if work.head.format == "gif" else ""
        raise ImageFault(f"frames_max allows {allowed}, this has {work.frames}{more}", code="frames_over_limit")
    _check_pixels(width * height, work.limits)


def guard_scans(work: Work) -> None:
    """The scans of a progressive JPEG, each of which costs a walk over all blocks."""
    if work.file.info.get("progressive") and imagefile.scans(work.stream, JPEG_SCANS_MAX) > JPEG_SCANS_MAX:
        raise ImageFault(f"a progressive JPEG may have {JPEG_SCANS_MAX} scans, this has more", code="undecodable")


def make_plan(work: Work) -> None:
    """What to decode and derive. Only a JPEG tells its orientation, and scales, before it is decoded."""
    jpeg = work.head.format == "jpeg"
    if not jpeg:
        imagefile.decode(work.file, scale=1)
    work.exif = imagefile.exif(work.file)
    stored, scales = Size(*work.file.size), JPEG_SCALES if jpeg else FULL_SCALE
    moves = any(work.moves(spec) for spec in work.recipe.renditions)
    work.plan = plan(work.recipe, stored, exif.orientation(work.exif), scales, chained=not moves)


def decode(work: Work) -> None:
    """The pixels, once for all renditions; of an animation those of its first frame."""
    imagefile.decode(work.file, work.plan.scale)


def colours(work: Work) -> None:
    """To sRGB; from here on the image has no metadata."""
    work.image = to_srgb(work.file.copy() if work.frames > 1 else work.file)


def look(work: Work) -> None:
    """What a page may paint until the picture comes."""
    work.dominant_colour = dominant_colour(work.image)


READING: tuple[Callable[[Work], None], ...] = (
    identify,
    guard_head,
    open_file,
    guard_pixels,
    guard_frames,
    guard_scans,
    make_plan,
    decode,
    colours,
    look,
)


def warm() -> None:
    """Use every codec, animation, operation and the colour conversion once, so that nothing is loaded later."""
    image, mark = Image.new("RGBA", (16, 16), "#336699"), "0" * 64
    every = RenditionSpec(
        name="a", width=8, height=8, fit="contain", blur=1, sharpen=1, rotate=10, keep_metadata=True,
        watermark=Watermark("a", opacity=0.5, digest=mark),
    )  # fmt: skip
    marks = {mark: encoders.encode([image], "png", every, b"", None)}
    for format in EXTENSIONS:
        recipe = parse({"renditions": [{**msgspec.to_builtins(every), "format": format}]})
        frames = [image.convert("RGB"), Image.new("RGB", image.size)]
        showing = encoders.Showing([50, 50], 0) if format in ANIMATED else None
        data = encoders.encode(frames if showing else frames[:1], format, every, b"", showing)
        list(run(io.BytesIO(data), recipe, PipelineLimits(256, 2), marks))
    if HEIC in imagefile.PLUGINS:
        list(run(io.BytesIO(heic.SAMPLE), recipe, PipelineLimits(64 * 64, 1), marks))


def _rendition(work: Work, derivation: Derivation, parent: Image.Image) -> tuple[Output, Image.Image]:
    """The rendition of one step, and its resized pixels for those that derive from it."""
    spec = derivation.shape.spec
    format = work.format(spec)
    step = operations.Step(derivation, format not in OPAQUE, _mark(work, spec))
    showing, resized = None, operations.resize(parent, step)
    if work.moves(spec):
        images, showing = _animation(work, step)
    else:
        images = [_finished(resized, step)]
    metadata = exif.upright(work.exif) if spec.keep_metadata else b""
    data = encoders.encode(images, format, spec, metadata, showing)
    sides = images[0].size
    return Output(spec.name, format, EXTENSIONS[format], *sides, work.dominant_colour, data), resized


def _animation(work: Work, step: operations.Step) -> tuple[list[Image.Image], encoders.Showing]:
    """Every frame of the original as this step makes it. Only the small results are held."""
    images, milliseconds = [], []
    for frame, shown in _frames(work):
        images.append(_finished(operations.resize(to_srgb(frame), step), step))
        milliseconds.append(shown)
    return images, encoders.Showing(milliseconds, imagefile.plays(work.file))


def _frames(work: Work) -> Iterator[tuple[Image.Image, int]]:
    """The original's frames; one that cannot be decoded is the image's fault, not the recipe's."""
    motion = imagefile.motion(work.file)
    while True:
        with imagefile.blamed("undecodable"):
            shown = next(motion, None)
        if shown is None:
            return
        yield shown


def _finished(image: Image.Image, step: operations.Step) -> Image.Image:
    for operation in operations.AFTER_RESIZE:
        image = operation(image, step)
    return image


def _mark(work: Work, spec: RenditionSpec) -> Image.Image | None:
    """The watermark's pixels."""
    asked = spec.watermark
    if asked is None or asked.digest is None:
        return None
    if asked.digest not in work.watermarks:
        raise ImageFault(f"the watermark {asked.name!r} did not come with the job", code="operation_failed")
    return _opened(work.watermarks[asked.digest])


@lru_cache(maxsize=MARKS_KEPT)
def _opened(data: bytes) -> Image.Image:
    head = read_head(data)
    if head is None:
        raise ImageFault("the watermark is no image", code="operation_failed")
    image = imagefile.open_image(io.BytesIO(data), head.format)
    imagefile.decode(image, scale=1)
    return to_srgb(image).convert("RGBA")


def _check_pixels(actual: int, limits: PipelineLimits) -> None:
    if actual > limits.pixels_max:
        raise ImageFault(f"pixels_max allows {limits.pixels_max}, this has {actual}", code="pixels_over_limit")
