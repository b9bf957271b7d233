"""The image pipeline: takes one original, and yields each rendition of its recipe as soon as it is encoded.

Carries out the plan's steps in order, each from its parent's pixels; for an animation, frame by frame. Reading the
original comes first (worker/images/reading.py). Knows no sockets, stores or jobs.
"""

import contextlib
import io
import itertools
from collections.abc import Callable, Iterator, Mapping
from fractions import Fraction
from functools import lru_cache
from typing import BinaryIO, NamedTuple

import msgspec
import PIL
from PIL import Image

from jobs.errors import ImageFault
from jobs.images.facts import Facts
from jobs.images.formats import ANIMATED, EXTENSIONS, HEIC, OPAQUE
from jobs.images.head import read_head
from jobs.images.kept.blocks import KINDS, NONE, Blocks, blocks
from jobs.job import Part, Unmet
from jobs.recipes.encoding import idle, quality_least, quality_of
from jobs.recipes.keys import WATERMARKS_MAX, Linear, Modulate, Normalise, Trim, marks
from jobs.recipes.libraries import is_planar
from jobs.recipes.plan import Derivation, by_page
from jobs.recipes.recipe import Crop, Recipe, RenditionSpec, Watermark, parse
from jobs.recipes.shapes import Shape, has_ratio, shown
from jobs.recipes.values.formatted import Avif, Jpeg, Png, Webp
from worker.images import coloured, encoders, imagefile, operations, planar
from worker.images.budget import Made, within
from worker.images.colours.convert import are_srgb, to_srgb
from worker.images.colours.declared import colours_of
from worker.images.colours.spaces import SRGB
from worker.images.formats import heic, turbojpeg, vips
from worker.images.formats.animation import Showing
from worker.images.kept.unchanged import is_whole, smaller
from worker.images.planar import Planes
from worker.images.reading import READING, PipelineLimits, Work
from worker.images.watch import NOTHING, Spent, Watch

ENGINE = f"pillow-{PIL.__version__}{vips.VERSION}{turbojpeg.VERSION}{heic.VERSION}/11"
"""The version of all code that makes a rendition. With the same engine, equal bytes and recipe give the same result."""

STARTS_THREADS = heic.STARTS_THREADS or vips.INSTALLED
"""Whether a codec starts threads: libvips does to encode a PNG, and libde265 does if that could not be prevented."""

Picture = Image.Image | Planes
"""A picture on its way to a rendition."""

MARKS_KEPT = WATERMARKS_MAX
"""Watermarks that a decoder keeps decoded, at most 64 MB each."""

WARMED_MARK = "0" * 64
WARMED = (
    RenditionSpec(
        name="a", width=8, height=6, fit="contain", rotate=10, blur=1, sharpen=1, keep=KINDS,
        max_bytes=1, quality_min=20, effort=0, original_if_smaller=True, jpeg=Jpeg(), frames=2,
        png=Png(palette=True, dither=True), webp=Webp(50, exact=True), avif=Avif(10),
        watermark=Watermark("a", opacity=0.5, digest=WARMED_MARK),
    ),
    RenditionSpec(
        name="b", width=12, height=10, fit="cover", gravity="north", enlarge=True, crop=Crop(0, 0, 8, 8), rotate=90,
        flip=True, flop=True, grayscale=True, background="#336699", quality=90, progressive=True, lossless=True,
        chroma=444, animated=True,
    ),
    RenditionSpec(name="c", fit="cover-down", ratio="3:4", gravity="focus", focus=(0.0, 1.0), padding=(1, 2, 3, 4),
                  trim=Trim(margin=1), profile="p3", background="#33669980", page=0),
    RenditionSpec(name="d", width=4, height=6, fit="cover", gravity="attention",
                  watermark=(Watermark("a", digest=WARMED_MARK, scale=0.5, offset=(1.0, -0.5)),
                             Watermark("a", digest=WARMED_MARK, tile=True, spacing=(1, 1)))),
    RenditionSpec(name="e", width=4, height=6, fit="cover", gravity="entropy", radius="50%", padding=1,
                  background="mirror"),
    RenditionSpec(name="f", width=9, height=5, fit="contain", background="blur", median=3, modulate=Modulate(hue=9.0),
                  gamma=2.0, linear=Linear(b=9.0), normalise=Normalise(), tint="#ff0000", negate=True, pixelate=2),
    RenditionSpec(name="g", threshold=99),
)  # fmt: skip
"""The renditions that `warm` makes, in each format. Together they set every key, and every operation has work."""

WARMED_FACTS = parse({"placeholder": ["thumbhash", "blurhash", "lqip"], "info": ["location"], "palette": 4})
"""All keys of a recipe that are not its renditions'."""

PLAIN = parse({"renditions": [{"name": "a", "width": 64, "format": "jpeg"}]})
"""A JPEG that is only scaled."""
TOUCHED_SIDES = 256, 256
TOUCHED_BYTES = 8 * 1024 * 1024
"""Bytes of the heap to touch: as many as a photo of 6 million pixels needs, decoded at half its size."""


class Output(NamedTuple):
    """One encoded rendition, with its size in pixels and its bytes (`data`). `dominant_colour`: of the original; None:
    it is transparent. `unmet`: what was lost. `original`: the size of the original, if its head did not tell it.
    `quality`: as used. `box`: the part of the upright original that it shows (left, top, width, height).
    `spent`: on it."""

    name: str
    format: str
    extension: str
    width: int
    height: int
    dominant_colour: str | None
    data: bytes
    unmet: Unmet = ()
    original: tuple[int, int] | None = None
    quality: int | None = None
    box: Part | None = None
    spent: Spent = NOTHING


def _nobody(_told: object) -> None:
    """Ignores what it is told."""


def run(
    stream: BinaryIO,
    recipe: Recipe,
    limits: PipelineLimits,
    watermarks: Mapping[str, bytes] | None = None,
    at: Callable[[str], object] = _nobody,
    described: Callable[[Facts], object] = _nobody,
) -> Iterator[Output]:
    """The renditions of the image in `stream` (seekable), largest first. `watermarks`: image files by digest. `at` is
    called with each stage before it begins, `described` with the facts before the first rendition, if they are asked.

    Raises ImageFault (`undecodable`, `pixels_over_limit`, `frames_over_limit`, `operation_failed`), and MemoryError,
    which says nothing about the image.
    """
    for page, part in by_page(recipe):
        yield from _run(Work(stream, part, limits, watermarks or {}, page), at, described)


def _run(work: Work, at: Callable[[str], object], described: Callable[[Facts], object]) -> Iterator[Output]:
    """The renditions that show one picture of the file."""
    watch = Watch()
    work.stream.seek(0)
    with imagefile.blamed("undecodable"):
        for read in READING:
            at(read.__name__)
            read(work)
    if work.facts is not None:
        described(work.facts)
    kept: dict[str, Picture] = {"/srgb": work.image, **{f"/{name}": image for name, image in work.wide.items()}}
    decoding = Spent(watch.spent().operate)
    del work.image, work.wide  # freed as soon as nothing derives from them
    for index, derivation in enumerate(work.plan.steps):
        at(f"rendition {derivation.shape.spec.name}")
        with imagefile.blamed("operation_failed"):
            parent = kept[_parent(work, derivation)]
            output, kept[derivation.shape.spec.name] = _rendition(work, derivation, parent)
        parents = {_parent(work, later) for later in work.plan.steps[index + 1 :]}
        kept = {name: image for name, image in kept.items() if name in parents}
        yield output._replace(spent=output.spent.plus(decoding)) if index == 0 else output


def _parent(work: Work, derivation: Derivation) -> str:
    """The name of the rendition from which this one derives, or the decoded picture in its colour space."""
    return derivation.parent or f"/{work.profile(derivation.shape.spec)}"


def warm() -> None:
    """Use every codec, animation, operation and the colour conversion once, so that nothing is loaded later."""
    image = Image.new("RGBA", (16, 16), "#336699")
    image.paste("#ffffff", (8, 8, 16, 16))
    marks = {WARMED_MARK: encoders.encode(image, "png", WARMED[0])}
    for format in EXTENSIONS:
        recipe = Recipe(tuple(msgspec.structs.replace(spec, format=format) for spec in WARMED))
        frames = [image.convert("RGB"), Image.new("RGB", image.size)]
        if format in ANIMATED:
            data, _ = encoders.encode_animation(frames, format, WARMED[0], NONE, Showing([Fraction(1)] * 2, 0))
        else:
            data = encoders.encode(frames[0], format, WARMED[0])
        list(run(io.BytesIO(data), recipe, PipelineLimits(256, 2), marks))
    list(run(io.BytesIO(data), WARMED_FACTS, PipelineLimits(256, 2)))
    if turbojpeg.INSTALLED:
        data = encoders.encode(image.convert("RGB"), "jpeg", RenditionSpec(name="a"))
        list(run(io.BytesIO(data), PLAIN, PipelineLimits(256, 1)))
    if vips.INSTALLED:
        vips.warm()
    if HEIC in imagefile.PLUGINS:
        list(run(io.BytesIO(heic.SAMPLE), recipe, PipelineLimits(64 * 64, 1), marks))


def touch() -> None:
    """Make a forked decoder's own copies of memory pages before its first job. The first write to a page that it shares
    with the nursery copies it (copy-on-write), which costs 2.5 us. Decoding a JPEG needs a third of these pages."""
    stream = io.BytesIO()
    Image.new("RGB", TOUCHED_SIDES, "#336699").save(stream, "JPEG")
    list(run(stream, PLAIN, PipelineLimits(TOUCHED_SIDES[0] * TOUCHED_SIDES[1], 1)))
    del stream
    bytearray(b"\1") * TOUCHED_BYTES


def _rendition(work: Work, derivation: Derivation, parent: Picture) -> tuple[Output, Picture]:
    """The rendition of one step, and its resized pixels for later renditions that derive from them."""
    watch = Watch()
    spec = derivation.shape.spec
    format = work.format(spec)
    space = work.spaces.get(work.profile(spec), SRGB)
    step = operations.Step(derivation, format not in OPAQUE, _marks(work, spec), work.dominant_colour, {})
    step = coloured.in_space(step, space.profile)
    metadata, all_kept = blocks(work.sources, spec.keep, derivation.shape.sides, format, space.profile)
    unmet: Unmet = ()
    resized = parent
    if isinstance(parent, Planes):
        sides, made, unmet, resized = _of_planes(parent, step, format, metadata, watch)
    elif work.moves(spec):
        images, showing = _animation(work, step, format, None if work.apart else parent)
        sides = images[0].size
        made, unmet = _moving(images, showing, spec, format, metadata, watch)
    else:
        resized = operations.resize(parent, step)
        sides, made, unmet = _still(resized, step, format, metadata, watch)
    if spec.original_if_smaller:
        made = _unchanged(work, derivation.shape, format, metadata, made)
    unmet = (
        *work.unmet,
        *(() if has_ratio(derivation.shape) else ("ratio",)),
        *_undone(work, spec, format, made.data),
        *(() if all_kept else ("metadata",)),
        *(() if space.met else ("profile",)),
        *unmet,
    )
    found = None if work.head.width and work.head.height else work.stored
    box, extension = shown(derivation.shape, work.stored, work.orientation), EXTENSIONS[format]
    colour = work.dominant_colour
    named = (spec.name, format, extension, *sides, colour, made.data, unmet, found, made.quality, box)
    return Output(*named, watch.spent()), resized


def _undone(work: Work, spec: RenditionSpec, format: str, data: bytes) -> Unmet:
    """What the keys ask, and the picture or its format does not allow."""
    untrimmed = isinstance(spec.trim, Trim) and spec.trim not in work.measured.trims
    too_large = spec.max_bytes is not None and len(data) > spec.max_bytes
    others = (key for key in idle(spec, format) if key != "max_bytes")  # what is small enough met it
    return (*(("trim",) if untrimmed else ()), *(("max_bytes",) if too_large else ()), *others)


def _unchanged(work: Work, made_of: Shape, format: str, metadata: Blocks, made: Made) -> Made:
    """The original's file without its metadata, where it has the pixels of the rendition and is no larger."""
    stays = is_whole(made_of, work.stored) and are_srgb(work.file.mode, work.declarations)
    if format != work.head.format or work.moving or not stays:
        return made
    data = smaller(work.stream, format, metadata, made.data)
    return made if data is None else Made(None, data)


def _encoded(spec: RenditionSpec, format: str, watch: Watch, encode: Callable[[RenditionSpec], bytes]) -> Made:
    """The file that `encode` makes of the spec, with the highest quality that its `max_bytes` allow."""
    quality = quality_of(spec, format)
    with watch.encoding():
        if quality is None or spec.max_bytes is None:
            return Made(quality, encode(spec))
        worst = quality_least(spec, quality)
        return within(
            lambda tried: encode(msgspec.structs.replace(spec, quality=tried)), quality, worst, spec.max_bytes
        )


def _moving(
    images: list[Image.Image], showing: Showing, spec: RenditionSpec, format: str, metadata: Blocks, watch: Watch
) -> tuple[Made, Unmet]:
    """The file of an animation, and the fields of `showing` that its format could not store, whatever its quality."""
    unmet: list[Unmet] = []

    def encode(each: RenditionSpec) -> bytes:
        data, lost = encoders.encode_animation(images, format, each, metadata, showing)
        unmet.append(lost)
        return data

    made = _encoded(spec, format, watch, encode)
    return made, (*unmet[-1], *encoders.of_stills(format, spec))


def _still(
    resized: Image.Image, step: operations.Step, format: str, metadata: Blocks, watch: Watch
) -> tuple[tuple[int, int], Made, Unmet]:
    """The sides and the file of a still rendition."""
    spec = step.derivation.shape.spec
    image, unmet = encoders.prepared(encoders.held(_finished(resized, step), format), format, spec)
    made = _encoded(spec, format, watch, lambda each: encoders.encode(image, format, each, metadata))
    return image.size, made, unmet


def _of_planes(
    parent: Planes, step: operations.Step, format: str, metadata: Blocks, watch: Watch
) -> tuple[tuple[int, int], Made, Unmet, Planes]:
    """The sides and the file of a rendition that is made of planes, and its resized planes."""
    shape, box = step.derivation.shape, step.derivation.box
    if is_planar(shape, format):
        resized = planar.resize(parent, box, shape.size, full=False)
        made = planar.turned(planar.gray(resized) if shape.spec.grayscale else resized, shape.turn)
        with contextlib.suppress(planar.Unserved):
            encoded = _encoded(shape.spec, format, watch, lambda each: planar.encode(made, each, metadata))
            return made.size, encoded, (), resized
    resized = planar.resize(parent, box, shape.size, full=True)
    return *_still(planar.image(resized), step, format, metadata, watch), resized


def _animation(
    work: Work, step: operations.Step, format: str, still: Image.Image | None
) -> tuple[list[Image.Image], Showing]:
    """The frames of the original after this step. `still`: the first frame, if it is decoded. Only the small results
    are kept in memory."""
    images, times = [], []
    kept = step.derivation.shape.spec.frames
    frames = coloured.frames(work, still, work.profile(step.derivation.shape.spec))
    for frame, seconds in itertools.islice(frames, kept):
        images.append(encoders.held(_finished(operations.resize(frame, step), step), format))
        times.append(seconds)
    return images, Showing(times, work.plays)


def _finished(image: Image.Image, step: operations.Step) -> Image.Image:
    for operation in operations.AFTER_RESIZE:
        image = operation(image, step)
    return coloured.banded(image) if step.coloured else image


def _marks(work: Work, spec: RenditionSpec) -> tuple[Image.Image, ...]:
    """The pixels of its watermarks."""
    missing = [asked.name for asked in marks(spec) if asked.digest not in work.watermarks]
    if missing:
        raise ImageFault(f"the watermark {missing[0]!r} did not come with the job", code="operation_failed")
    return tuple(_opened(work.watermarks[asked.digest or ""]) for asked in marks(spec))


@lru_cache(maxsize=MARKS_KEPT)
def _opened(data: bytes) -> Image.Image:
    head = read_head(data)
    if head is None:
        raise ImageFault("the watermark is not an image", code="operation_failed")
    stream = io.BytesIO(data)
    image = imagefile.open_image(stream, head.format)
    imagefile.decode(image, scale=1)
    return to_srgb(image, colours_of(head.format, image.info, stream)).convert("RGBA")
