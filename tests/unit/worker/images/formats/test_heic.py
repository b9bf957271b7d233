"""worker/images/formats/heic.py: what is read of HEIC, what is refused, and that it takes no thread."""

import contextlib
import io
import itertools
import os
import signal
import struct
import sys
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from PIL import Image

from host.settings.extras import formats_read
from jobs.errors import ImageFault
from jobs.images import exif, pieces
from jobs.images.formats import HEIC
from jobs.images.head import Head, read_head
from jobs.recipes.explain import explain
from tests.support.pictures import heif
from tests.support.pictures.coloured import P3_TO_SRGB, light, power, profile, through
from tests.support.pictures.images import corners, made, one, outputs, psnr, saved
from tests.support.pictures.planted import SECRET, block
from tests.unit.jobs.images.test_metadata import tags
from worker.boundary import sandbox
from worker.boundary.status_page import StatusPage
from worker.decoder.serve import Memory
from worker.images import imagefile
from worker.images.formats import heic
from worker.images.reading import PipelineLimits

if HEIC not in formats_read():
    pytest.skip("needs pi-heif: make .venv/roles", allow_module_level=True)

PLAIN = (51, 103, 153)
CORNERS = heif.coded(heif.CORNERS)
CORNERED = corners().resize((128, 64), Image.Resampling.NEAREST)
TILES = heif.heic(*heif.grid(2, 2, 99, 99))
SMALL = PipelineLimits(1_000_000, 1)


def near(image: Image.Image, wanted: tuple[int, ...], tolerance: int = 3) -> bool:
    found: Any = image.getpixel((5, 5))
    return max(int(abs(a - b)) for a, b in zip(found, wanted, strict=True)) <= tolerance


def test_a_photo_comes_out_with_its_sides_and_pixels() -> None:
    assert read_head(heif.CORNERS) == Head("heic", 128, 64)
    output = outputs(heif.CORNERS, one(format="original"))["a"]
    assert output.format == "webp"
    assert psnr(made(heif.CORNERS), CORNERED) > 35


@pytest.mark.parametrize("brand", [b"heic", b"heix", b"hevc", b"heim"])
def test_every_brand_of_hevc_is_read(brand: bytes) -> None:
    assert near(made(heif.heic(heif.picture(), brand=brand)), PLAIN)


def test_tiles_are_one_picture_of_the_grids_sides() -> None:
    data = heif.heic(*heif.grid(2, 3, 180, 100))
    assert read_head(data) == Head("heic", 180, 100)
    image = made(data)
    assert image.size == (180, 100)
    assert psnr(image, Image.new("RGB", image.size, PLAIN)) > 40


def test_ten_bits_become_eight() -> None:
    assert near(made(heif.TEN_BITS), (126, 64, 191))


def test_alpha_is_kept() -> None:
    image = made(heif.heic(heif.picture(), heif.alpha()))
    assert image.mode == "RGBA"
    assert near(image, (*PLAIN, 93))


@pytest.mark.parametrize("turned", [None, 1, 6, 3])
@pytest.mark.parametrize(("quarters", "mirror"), list(itertools.product(range(4), (None, 0, 1))))
def test_a_turn_is_that_of_the_boxes_and_done_once_whatever_exif_says(
    quarters: int, mirror: int | None, turned: int | None
) -> None:
    wanted = CORNERED.rotate(90 * quarters, expand=True)
    how = [heif.box(b"irot", bytes((quarters,)))]
    if mirror is not None:
        how.append(heif.box(b"imir", bytes((mirror,))))
        flip = Image.Transpose.FLIP_LEFT_RIGHT if mirror else Image.Transpose.FLIP_TOP_BOTTOM
        wanted = wanted.transpose(flip)
    items = [heif.picture(*how, of=CORNERS)]
    if turned:
        items.append(heif.exif(block(turned=turned)))
    data = heif.heic(*items)
    image = made(data)
    assert image.size == wanted.size
    assert psnr(image, wanted) > 35
    head = read_head(data)
    assert head is not None
    found = pieces.found_in(exif.reading_orientation(), lambda at, size: data[at : at + size])
    (told,) = explain(one(), head, found or 1).renditions
    assert (told.width, told.height) == image.size


def test_colours_go_by_the_code_points_and_by_a_profile_before_them() -> None:
    from_p3 = through(P3_TO_SRGB, [light(value) for value in PLAIN])
    assert near(made(heif.heic(heif.picture(heif.nclx(12, 13)))), from_p3)
    linear = heif.box(b"colr", b"prof" + profile("sRGB", power(1.0)))
    image = made(heif.heic(heif.picture(linear, heif.nclx(12, 13))))
    assert near(image, (124, 170, 203))
    assert outputs(heif.heic(heif.picture(heif.nclx(9, 16))), one())["a"].unmet == ("hdr",)


@pytest.mark.parametrize("format", ["jpeg", "webp", "png", "avif"])
def test_metadata_is_kept_as_of_other_formats(format: str) -> None:
    data = heif.heic(heif.picture(), heif.exif(block().removeprefix(exif.EXIF_START)))
    output = outputs(data, one(format=format, keep_metadata=True, width=32))["a"]
    assert SECRET not in output.data
    image = Image.open(io.BytesIO(output.data))
    found = tags(image)
    assert (found[0x0110].rstrip("\0"), found.get(0x0112, 1), found[0xA002]) == ("a camera", 1, 32)
    assert SECRET not in outputs(data, one(format=format))["a"].data


def test_the_primary_of_several_pictures_is_the_picture() -> None:
    data = heif.heic(heif.picture(), heif.picture(of=CORNERS), primary=2)
    assert read_head(data) == Head("heic", 128, 64)
    assert psnr(made(data), CORNERED) > 35


def test_a_clean_aperture_is_cut_once() -> None:
    clap = heif.box(b"clap", struct.pack(">IIIIiIiI", 100, 1, 40, 1, 14, 1, -12, 1))
    data = heif.heic(heif.picture(clap, of=CORNERS))
    assert read_head(data) == Head("heic", 100, 40)
    image = made(data)
    assert image.size == (100, 40)
    assert psnr(image, CORNERED.crop((28, 0, 128, 40))) > 35


# --- hostile files ---


def code_of(data: bytes, limits: PipelineLimits = SMALL) -> str:
    with pytest.raises(ImageFault) as fault:
        outputs(data, one(), limits)
    return fault.value.code


def test_a_bomb_is_refused_before_the_library_sees_it(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(imagefile, "open_image", lambda *_: pytest.fail("opened"))
    assert code_of(heif.heic(heif.picture(sides=(60_000, 60_000)))) == "pixels_over_limit"


def test_more_tiles_than_anybody_has_are_refused() -> None:
    assert code_of(heif.heic(*heif.grid(200, 200, 12_800, 12_800))) in ("pixels_over_limit", "undecodable")


@pytest.mark.parametrize(
    "data",
    [
        heif.heic(heif.picture(sides=(8, 8))),
        heif.heic(heif.picture(sides=(900, 900))),
        heif.heic(*heif.grid(2, 2, 900, 900)),
        heif.heic(heif.grid(2, 2, 128, 128)[0]),
        heif.heic(heif.Item(b"grid", bytes((0, 0, 0, 0)) + bytes(4), (heif.ispe(64, 64),), (b"dimg", (1,)))),
        heif.heic(heif.picture()._replace(data=b"")),
        heif.heic(heif.picture()._replace(properties=(heif.ispe(64, 64),))),
        heif.heic(heif.picture(), primary=9),
        heif.heic(heif.Item(b"iden", b"", (heif.ispe(64, 64),), (b"dimg", (1,)))),
        heif.heic(heif.picture(), brand=b"hevc")[:24],
    ],
    ids=range(10),
)
def test_what_contradicts_itself_or_lacks_a_part_is_undecodable(data: bytes) -> None:
    assert code_of(data) == "undecodable"


def test_many_tiles_are_read() -> None:
    image = made(heif.heic(*heif.grid(15, 15, 960, 960)))
    assert image.size == (960, 960)
    assert psnr(image, Image.new("RGB", image.size, PLAIN)) > 40


def test_every_end_ends_in_outputs_or_an_image_fault() -> None:
    for data in (heif.CORNERS, heif.heic(*heif.grid(2, 1, 64, 128))):
        for end in range(0, len(data) - 1, 5):
            with contextlib.suppress(ImageFault):
                outputs(data[:end], one(), SMALL)


@settings(max_examples=300, deadline=None)
@given(
    st.sampled_from([heif.CORNERS, heif.TEN_BITS, heif.heic(heif.picture(), heif.alpha()), TILES]),
    st.lists(st.tuples(st.integers(0, 3000), st.binary(min_size=1, max_size=4)), max_size=4),
)
def test_damage_ends_in_outputs_or_an_image_fault(whole: bytes, wounds: list[tuple[int, bytes]]) -> None:
    data = bytearray(whole)
    for at, wound in wounds:
        data[at % len(data) : at % len(data) + len(wound)] = wound
    with contextlib.suppress(ImageFault, MemoryError):
        outputs(bytes(data), one(), SMALL)


# --- the wall ---


@pytest.mark.skipif(sys.platform != "linux", reason="needs seccomp")
def test_a_picture_is_decoded_behind_the_wall_against_threads() -> None:
    assert not heic.STARTS_THREADS
    made(heif.CORNERS, format="jpeg")
    child = os.fork()
    if child == 0:
        status_page = StatusPage()
        sandbox.seal(Memory().base_address + 2**30, status_page.address(), threads=False)
        outputs(heif.heic(*heif.grid(3, 3, 180, 180)), one(format="jpeg"))
        os._exit(0)
    _, status = os.waitpid(child, 0)
    assert (os.WIFSIGNALED(status) and signal.Signals(os.WTERMSIG(status)), os.WEXITSTATUS(status)) == (False, 0)


def test_no_encoder_comes_with_it() -> None:
    import pi_heif

    assert set(pi_heif.libheif_info()["encoders"]) <= {"mask"}
    with pytest.raises(KeyError):
        saved(corners(), "HEIF")
