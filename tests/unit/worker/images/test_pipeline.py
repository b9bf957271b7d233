"""worker/images/pipeline.py: the sample whole, the order of things, the guards, and damage of every kind."""

import contextlib
import errno
import gc
import io
import itertools
import os
import resource
import struct
from collections.abc import Callable, Iterator
from typing import Any

import msgspec
import PIL
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from PIL import Image

from host.settings.extras import formats_read, vips_installed
from jobs.errors import ImageFault
from jobs.images import exif
from jobs.images.formats import HEIC
from jobs.recipes.recipe import Recipe, RenditionSpec, parse
from tests.support.pictures.images import LIMITS, TEST_DATA, corners, made, one, outputs, read, saved
from worker.images import encoders, imagefile, operations, watch
from worker.images.pipeline import ENGINE, WARMED, run, touch, warm
from worker.images.reading import PipelineLimits
from worker.images.watch import Spent

PLACE = "worker/images/pipeline.py"
DEFAULT = parse(
    {
        "renditions": [
            {"name": "large", "width": 1600, "height": 1600, "format": "webp"},
            {"name": "thumb", "width": 320, "height": 320, "fit": "cover", "format": "jpeg"},
        ]
    }
)

# --- the sample, whole ---


def test_the_sample_comes_out_upright_small_and_without_a_trace_of_where_it_was() -> None:
    data = (TEST_DATA / "sample.jpg").read_bytes()
    assert Image.open(io.BytesIO(data)).getexif().get_ifd(0x8825), "the sample has GPS to lose"
    made = outputs(data, DEFAULT)
    told = {o.name: (o.format, o.extension, o.width, o.height) for o in made.values()}
    assert told == {"large": ("webp", "webp", 1200, 1600), "thumb": ("jpeg", "jpg", 320, 320)}
    for output in made.values():
        image = read(output)
        assert image.size == (output.width, output.height)
        assert not set(image.info) & {"exif", "icc_profile", "xmp", "comment"}
        assert b"Exif" not in output.data
        assert b"test-data/make.py" not in output.data
    red, green, blue = read(made["large"]).convert("RGB").getpixel((20, 20))  # type: ignore[misc]
    assert red > 150 > 80 > max(green, blue), "its upright top left corner is red"


def test_a_file_by_its_descriptor_serves_as_well() -> None:
    with (TEST_DATA / "sample.jpg").open("rb") as opened, open(opened.fileno(), "rb", closefd=False) as file:
        assert [o.name for o in run(file, DEFAULT, LIMITS)] == ["large", "thumb"]


def test_each_output_is_there_before_the_next_is_encoded(monkeypatch: pytest.MonkeyPatch) -> None:
    encoded = []
    encode = encoders.encode

    def counted(image: Image.Image, *rest: Any) -> bytes:
        encoded.append(image.size)
        return encode(image, *rest)

    monkeypatch.setattr(encoders, "encode", counted)
    coming = run(io.BytesIO((TEST_DATA / "rotated.jpg").read_bytes()), DEFAULT, LIMITS)
    assert next(coming).name == "large"
    assert len(encoded) == 1


def test_an_output_tells_what_was_spent_on_it_and_the_first_one_also_the_decoding(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(watch, "perf_counter", itertools.count().__next__)  # each look takes a second
    data = (TEST_DATA / "rotated.jpg").read_bytes()
    first, second = run(io.BytesIO(data), DEFAULT, LIMITS)
    assert (first.spent, second.spent) == (Spent(1, 2, 1), Spent(0, 2, 1))
    assert first.spent.plus(second.spent) == Spent(1, 4, 2)


@pytest.mark.parametrize("original", ["jpeg", "webp", "png", "avif"])
@pytest.mark.parametrize("format", ["jpeg", "webp", "png", "avif"])
def test_keep_metadata_keeps_exif_and_says_upright(original: str, format: str) -> None:
    stream, tags = io.BytesIO(), Image.Exif()
    tags[0x0110], tags[0x0112] = "a camera", 6
    Image.new("RGB", (400, 300), "#336699").save(stream, original, exif=tags)
    image = made(stream.getvalue(), width=50, keep_metadata=True, format=format)
    assert (image.getexif()[0x0110], image.getexif().get(0x0112, 1)) == ("a camera", 1)
    assert image.height > image.width, "it was turned"


# --- guards and faults ---


def code_of(data: bytes, recipe: Recipe = DEFAULT, limits: PipelineLimits = LIMITS) -> tuple[str, str]:
    with pytest.raises(ImageFault) as fault:
        outputs(data, recipe, limits)
    return fault.value.code, fault.value.detail


def test_a_bomb_is_refused_before_a_plugin_sees_it(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(imagefile, "open_image", lambda *_: pytest.fail("opened"))
    code, detail = code_of((TEST_DATA / "bomb.png").read_bytes())
    assert (code, detail) == (
        "pixels_over_limit",
        "the picture has 268 megapixels; at most 100 megapixels are allowed (PIXMILL_PIXELS_MAX)",
    )


def test_the_pixel_limit_holds_before_a_draft_makes_the_image_small() -> None:
    data = (TEST_DATA / "12mp.jpg").read_bytes()
    assert code_of(data, limits=PipelineLimits(11_999_999, 1))[0] == "pixels_over_limit"
    assert outputs(data, DEFAULT, PipelineLimits(12_000_000, 1))


def test_the_pixel_limit_holds_where_the_head_tells_nothing() -> None:
    data = saved(corners(), "TIFF", big_tiff=True)
    assert code_of(data, limits=PipelineLimits(64 * 32 - 1, 1))[0] == "pixels_over_limit"


def test_the_pixel_limit_holds_where_a_gifs_screen_is_smaller_than_its_frame() -> None:
    data = bytearray(saved(corners(), "GIF"))
    data[6:10] = bytes((1, 0, 1, 0))
    assert code_of(bytes(data), limits=PipelineLimits(64 * 32 - 1, 1))[0] == "pixels_over_limit"


def test_the_pixel_limit_holds_where_a_gifs_later_frame_reaches_beyond_its_canvas() -> None:
    data = saved(corners(), "GIF", save_all=True, append_images=[corners().rotate(180)])
    at = data.rindex(b"\x2c" + bytes(4)) + 1
    far = data[:at] + struct.pack("<HH", 60_000, 60_000) + data[at + 4 :]
    code, detail = code_of(far, one(format="gif"), PipelineLimits(64 * 32, 2))
    assert code == "pixels_over_limit"
    assert detail.startswith("the picture has 3,606 megapixels; at most 2,048 pixels are allowed")  # 60,064 x 60,032


def test_damage_behind_the_first_frame_is_the_images_fault() -> None:
    data = saved(corners(), "PNG", save_all=True, append_images=[corners().rotate(180)])
    assert code_of(data[: data.rindex(b"fdAT") + 20], one(format="webp"))[0] == "undecodable"
    assert outputs(data[: data.rindex(b"fdAT") + 20], one(format="jpeg"))


@pytest.mark.parametrize("format", ["GIF", "WEBP", "PNG", "AVIF"])
def test_frames_are_counted_without_decoding(format: str, monkeypatch: pytest.MonkeyPatch) -> None:
    frames = [corners().rotate(10 * n) for n in range(6)]
    data = saved(frames[0], format, save_all=True, append_images=frames[1:], duration=50)
    assert outputs(data, DEFAULT, PipelineLimits(10**6, 6))
    monkeypatch.setattr(imagefile, "decode", lambda *_, **__: pytest.fail("decoded"))
    code, detail = code_of(data, limits=PipelineLimits(10**6, 5))
    assert code == "frames_over_limit"
    assert detail.startswith("the animation has 6 frames")


@pytest.mark.parametrize(
    "data",
    [
        b"",
        b"plain text",
        b"<svg xmlns='http://www.w3.org/2000/svg'/>",
        b"\xff\xd8\xff\xe0 and then nothing of a JPEG",
        b"\x89PNG\r\n\x1a\n",
        (TEST_DATA / "truncated.jpg").read_bytes(),
    ],
)
def test_what_cannot_be_read_is_undecodable(data: bytes) -> None:
    code, detail = code_of(data)
    assert code == "undecodable"
    assert "BytesIO" not in detail


def test_a_recipe_that_this_image_cannot_serve_is_operation_failed() -> None:
    crop = {"left": 60, "top": 0, "width": 10, "height": 10}
    code, detail = code_of(saved(corners()), one(crop=crop))
    assert code == "operation_failed"
    assert "64 x 32" in detail


def test_out_of_memory_is_not_the_images_fault(monkeypatch: pytest.MonkeyPatch) -> None:
    def full(*_: object) -> Image.Image:
        raise MemoryError

    monkeypatch.setattr(operations, "resize", full)
    with pytest.raises(MemoryError):
        outputs(saved(corners()), DEFAULT)


def test_a_disk_that_cannot_be_read_is_not_the_images_fault() -> None:
    class Failing(io.BytesIO):
        def read(self, size: int | None = -1) -> bytes:
            if self.tell() > 100:
                raise OSError(errno.EIO, os.strerror(errno.EIO))
            return super().read(size)

    with pytest.raises(OSError, match="Input/output error"):
        list(run(Failing(saved(corners())), DEFAULT, LIMITS))


def damaged() -> Iterator[bytes]:
    for format in ("JPEG", "PNG", "WEBP", "AVIF", "GIF", "TIFF", "BMP"):
        yield saved(corners(), format, **({"exif": corners().getexif()} if format == "JPEG" else {}))


@settings(max_examples=300, deadline=None)
@given(
    st.sampled_from(list(damaged())),
    st.lists(st.tuples(st.integers(0, 3000), st.binary(min_size=1, max_size=4)), max_size=4),
)
def test_damage_ends_in_outputs_or_an_image_fault(whole: bytes, wounds: list[tuple[int, bytes]]) -> None:
    data = bytearray(whole)
    for at, wound in wounds:
        data[at % len(data) : at % len(data) + len(wound)] = wound
    with contextlib.suppress(ImageFault):
        assert len(outputs(bytes(data), DEFAULT, PipelineLimits(100_000, 10))) == 2


@given(st.binary(max_size=80), st.sampled_from([b"", b"Exif\0\0II*\0\x08\0\0\0", b"Exif\0\0MM\0*\0\0\0\x08"]))
def test_any_exif_has_an_orientation(tail: bytes, start: bytes) -> None:
    block = start + tail
    assert 1 <= exif.orientation(block) <= 8


@pytest.mark.parametrize(
    ("keys", "quality"),
    [
        ({"format": "jpeg"}, 80),
        ({"format": "jpeg", "quality": 33}, 33),
        ({"format": "webp", "quality": 9}, 9),
        ({"format": "avif", "quality": 10}, 10),
        ({"format": "webp", "lossless": True}, None),
        ({"format": "png"}, None),
        ({"format": "gif"}, None),
    ],
)
def test_the_quality_that_was_used_is_told(keys: Any, quality: int | None) -> None:
    made = outputs(saved(corners()), one(**keys))["a"]
    assert made.quality == quality
    if made.format == "jpeg":
        tables = Image.open(io.BytesIO(saved(corners(), "JPEG", quality=quality))).quantization  # type: ignore[attr-defined]
        assert read(made).quantization == tables  # type: ignore[attr-defined]


def test_the_part_that_was_taken_is_told_of_stored_and_of_derived_ones() -> None:
    block = Image.Exif()
    block[0x0112] = 6
    recipe = parse({"renditions": [{"name": "a"}, {"name": "b", "width": 8, "height": 8, "fit": "cover"}]})
    for format in ("JPEG", "PNG"):
        made = outputs(saved(corners(), format, exif=block), recipe)
        assert (made["a"].box, made["b"].box) == ((0, 0, 32, 64), (0, 16, 32, 32))


def test_warm_and_engine() -> None:
    warm()
    assert ENGINE.startswith(f"pillow-{PIL.__version__}")
    assert ("+vips-" in ENGINE) == vips_installed()
    assert ("+heif-" in ENGINE) == (HEIC in formats_read())


def test_warm_gives_work_to_every_operation(monkeypatch: pytest.MonkeyPatch) -> None:
    worked = set()

    def watched(operation: operations.Operation) -> operations.Operation:
        def run_it(image: Image.Image, step: operations.Step) -> Image.Image:
            made = operation(image, step)
            if made is not image:
                worked.add(operation)
            return made

        return run_it

    every = operations.AFTER_RESIZE
    monkeypatch.setattr(operations, "AFTER_RESIZE", tuple(map(watched, every)))
    warm()
    idle = sorted(operation.__name__ for operation in {*every} - worked)
    assert idle == [], f"set a key in WARMED ({PLACE}) that asks for each, and that no other key hides"


def test_warm_sets_every_key_of_a_recipe() -> None:
    fields = [field for field in msgspec.structs.fields(RenditionSpec) if field.name not in ("name", "format")]
    idle = [field.name for field in fields if all(getattr(spec, field.name) == field.default for spec in WARMED)]
    assert idle == [], f"set each of them in one of WARMED ({PLACE}), to another value than its default"


def faults_of_a_first_job(before: Callable[[], object]) -> int:
    """Pages that a forked process has to be given for a small photo, after it did this."""
    stream = io.BytesIO(saved(Image.new("RGB", (400, 400), "#336699"), "JPEG"))
    recipe = parse({"renditions": [{"name": "a", "width": 100, "format": "jpeg"}]})
    reader, writer = os.pipe()
    if (pid := os.fork()) == 0:
        before()
        began = resource.getrusage(resource.RUSAGE_SELF).ru_minflt
        list(run(stream, recipe, PipelineLimits(10**6, 1)))
        os.write(writer, f"{resource.getrusage(resource.RUSAGE_SELF).ru_minflt - began}".encode())
        os._exit(0)
    os.close(writer)
    with os.fdopen(reader) as answer:
        found = int(answer.read())
    os.waitpid(pid, 0)
    return found


def test_a_forked_process_that_touched_its_memory_is_given_little_for_its_first_job() -> None:
    warm()
    gc.freeze()
    try:
        assert faults_of_a_first_job(touch) < faults_of_a_first_job(lambda: None) / 2
    finally:
        gc.unfreeze()
