"""jobs/recipes/libraries.py and worker/images/formats/vips.py: which library does what, and that both give the same
picture."""

import contextlib
import io
import subprocess
import sys
from typing import Any
from unittest import mock

import pytest
from PIL import Image, ImageChops, ImageDraw

from jobs.errors import ImageFault
from jobs.images.turns import Box, Size
from jobs.recipes import libraries
from tests.support.clusters.cluster import ROOT
from tests.support.pictures import hostile
from tests.support.pictures.images import one, outputs
from tests.support.pictures.quality import ssim
from worker.images import imagefile
from worker.images.formats import pixels, vips

ALPHA_DIFFERENCE_MAX = 24
SSIM_MIN = 0.97
SIDES = Size(900, 675)
SHORT_OF_ROOM = """
import os, resource
from pathlib import Path
from host.process import hugepages
hugepages.begin_anew()
from PIL import Image
from worker.images.formats import vips
vips.warm()
noise = Image.effect_noise((2000, 2000), 90).convert("RGB")
pages = int(Path("/proc/self/statm").read_text().split()[0])
for room in range(46, 66, 2):
    if (pid := os.fork()) == 0:
        most = pages * resource.getpagesize() + room * 2**20
        resource.setrlimit(resource.RLIMIT_AS, (most, most))
        vips.encode_png(noise)
        os._exit(0)
    assert os.waitpid(pid, 0)[1] == 0, room
"""
"""With more and more room, in a process as a decoder is."""
KEYS: list[dict[str, Any]] = [
    {"width": 330},
    {"width": 260, "height": 260, "fit": "cover", "gravity": "southeast"},
    {"width": 330, "height": 340, "fit": "fill"},
    {"width": 420, "height": 340, "fit": "contain", "background": "#102030"},
    {"crop": {"left": 101, "top": 53, "width": 411, "height": 397}, "width": 207},
    {"rotate": 90, "width": 351},
    {"rotate": 15, "width": 400},
    {"flip": True, "flop": True, "width": 333, "grayscale": True},
]


def scene(mode: str) -> Image.Image:
    """A picture with a different thing in each corner, of which half the sides are still worth libvips' while."""
    image = Image.linear_gradient("L").resize(SIDES).convert("RGBA")
    draw = ImageDraw.Draw(image)
    draw.ellipse((24, 24, 360, 240), fill="#c02040")
    draw.rectangle((600, 48, 840, 300), fill="#20c060")
    draw.polygon([(72, 600), (240, 360), (396, 624)], fill="#2040ff")
    image.putalpha(Image.linear_gradient("L").transpose(Image.Transpose.ROTATE_90).resize(image.size))
    return image.convert(mode)


def file(mode: str, format: str, orientation: int = 1) -> bytes:
    stream, exif = io.BytesIO(), Image.Exif()
    exif[0x0112] = orientation
    scene(mode).save(stream, format, exif=exif, **({"lossless": True} if format == "webp" else {"quality": 95}))
    return stream.getvalue()


def made(data: bytes, keys: dict[str, Any]) -> Image.Image:
    return Image.open(io.BytesIO(outputs(data, one(**{"format": "png", **keys}))["a"].data))


@pytest.mark.skipif(not vips.INSTALLED, reason="needs the extra vips")
@pytest.mark.parametrize("keys", KEYS)
@pytest.mark.parametrize("kind", [("RGB", "jpeg", 1), ("RGB", "jpeg", 6), ("RGBA", "png", 5), ("L", "png", 1),
                                  ("LA", "png", 1), ("RGB", "webp", 8), ("RGBA", "webp", 1)])  # fmt: skip
def test_both_engines_give_the_same_picture(
    kind: tuple[str, str, int], keys: dict[str, Any], monkeypatch: pytest.MonkeyPatch
) -> None:
    data, resize = file(*kind), mock.Mock(side_effect=vips.resize)
    monkeypatch.setattr(vips, "resize", resize)
    by_vips = made(data, keys)
    assert resize.called, "else Pillow is compared with itself"
    monkeypatch.setattr(vips, "INSTALLED", False)
    by_pillow = made(data, keys)
    assert (by_vips.size, by_vips.mode) == (by_pillow.size, by_pillow.mode)
    if by_vips.mode in ("RGBA", "LA"):
        difference = ImageChops.difference(by_vips.getchannel("A"), by_pillow.getchannel("A")).convert("L")
        assert sum(difference.histogram()[ALPHA_DIFFERENCE_MAX:]) < difference.width * difference.height / 100
    white = [Image.new("RGBA", image.size, "white") for image in (by_vips, by_pillow)]
    for ground, image in zip(white, (by_vips, by_pillow), strict=True):
        ground.alpha_composite(image.convert("RGBA"))
    assert ssim(white[0].convert("RGB"), white[1].convert("RGB")) > SSIM_MIN


@pytest.mark.skipif(not vips.INSTALLED, reason="needs the extra vips")
def test_libvips_reads_nothing_else_and_leaves_damage_to_pillow() -> None:
    pyvips = pytest.importorskip("pyvips")
    with pytest.raises(pyvips.Error, match="blocked"):
        pyvips.Image.jpegload_buffer(file("RGB", "jpeg"))
    with pytest.raises(pyvips.Error, match="blocked"):
        pyvips.Image.webpload_buffer(file("RGB", "webp"))
    whole = file("RGB", "png")
    assert vips.decode(whole, "RGB", SIDES) is not None
    assert vips.decode(whole[: len(whole) // 2], "RGB", SIDES) is None
    assert vips.decode(whole, "RGB", Size(SIDES.width, SIDES.height + 1)) is None
    assert vips.decode(whole, "RGBA", SIDES) is None


@pytest.mark.skipif(not vips.INSTALLED, reason="needs the extra vips")
def test_damaged_png_reach_libvips_and_then_pillow(monkeypatch: pytest.MonkeyPatch) -> None:
    decode, pillow = mock.Mock(side_effect=vips.decode), mock.Mock(side_effect=imagefile.decode)
    monkeypatch.setattr(vips, "decode", decode)
    monkeypatch.setattr(imagefile, "decode", pillow)
    damaged = [data for name, data in hostile.damaged(seed=8, each=10) if name.startswith("png-large")]
    for data in damaged:
        with contextlib.suppress(ImageFault):
            outputs(data, one(width=100))
    assert decode.call_count >= pillow.call_count > len(damaged) // 2


@pytest.mark.skipif(not vips.INSTALLED, reason="needs the extra vips")
def test_libvips_asks_for_no_more_room_than_it_takes(monkeypatch: pytest.MonkeyPatch) -> None:
    picture, asked = Image.new("RGB", (1000, 1000)), list[int]()
    monkeypatch.setattr(vips, "_require", asked.append)
    vips.resize(picture, Box(0, 0, 1000, 1000), Size(500, 500))
    vips.resize_plane(Image.new("L", (1000, 1000)), Box(0, 0, 1000, 1000), Size(500, 500))
    vips.encode_png(picture)
    written = 2 * 2**22
    assert asked == [4 * 500 * 500, 8 * 500 * 500, written], "3 MB are written into 4, twice while they grow"


@pytest.mark.skipif(not vips.INSTALLED, reason="needs the extra vips")
def test_a_png_that_lacks_room_never_ends_the_process() -> None:
    subprocess.run([sys.executable, "-c", SHORT_OF_ROOM], cwd=ROOT, check=True, stderr=subprocess.DEVNULL)


@pytest.mark.skipif(not vips.INSTALLED, reason="needs the extra vips")
def test_without_room_for_libvips_a_png_is_pillows_to_write(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(vips, "_require", mock.Mock(side_effect=MemoryError))
    assert vips.encode_png(scene("RGB")) is None


@pytest.mark.parametrize(
    ("format", "mode", "size", "frames", "chosen"),
    [
        ("png", "RGBA", Size(400, 300), 1, True),
        ("png", "RGBA", Size(400, 300), 2, False),
        ("png", "RGBA", Size(40_000, 30_000), 1, False),
        ("webp", "RGB", Size(400, 300), 1, False),
        ("png", "P", Size(400, 300), 1, False),
        ("png", "RGB", Size(40, 30), 1, False),
        ("jpeg", "RGB", Size(400, 300), 1, False),
    ],
)
def test_what_libvips_decodes(format: str, mode: str, size: Size, frames: int, chosen: bool) -> None:
    assert libraries.vips_decodes(format, mode, size, frames) is chosen


def test_what_libvips_resizes() -> None:
    whole = Size(400, 300)
    assert libraries.vips_resizes(whole, 400, 300, Size(200, 150))
    assert not libraries.vips_resizes(whole, 400, 300, Size(800, 600)), "never larger"
    assert not libraries.vips_resizes(whole, 400, 300, Size(400, 300)), "nothing to do"
    assert not libraries.vips_resizes(whole, 400, 300, Size(100, 75)), "Pillow reduces"
    assert not libraries.vips_resizes(whole, 40, 30, Size(20, 15)), "not worth it"
    assert not libraries.vips_resizes(Size(40_000, 30_000), 400, 300, Size(200, 150)), "the whole cannot be lent"


def test_the_larger_the_picture_the_plainer_the_filter() -> None:
    sizes = (Size(640, 523), Size(1280, 1045), Size(1920, 1568))
    assert [libraries.vips_kernel(size) for size in sizes] == ["lanczos3", "cubic", "linear"]


@pytest.mark.skipif(not vips.INSTALLED, reason="needs the extra vips")
@pytest.mark.parametrize("mode", ["L", "LA", "RGB", "RGBA"])
def test_a_png_by_libvips_has_the_pixels_and_nothing_else(mode: str) -> None:
    image = scene(mode)
    data = vips.encode_png(image)
    assert data is not None
    read = Image.open(io.BytesIO(data))
    assert (read.mode, read.info, read.tobytes()) == (mode, {}, image.tobytes())
    assert b"pHYs" not in data


@pytest.mark.skipif(not vips.INSTALLED, reason="needs the extra vips")
def test_the_filter_of_a_png_is_the_one_that_suits_the_picture(monkeypatch: pytest.MonkeyPatch) -> None:
    drawing = Image.new("RGB", (640, 480), "white")
    for left in range(0, 640, 7):
        ImageDraw.Draw(drawing).line((left, 0, 640 - left, 480), fill="#204080")
    grown = Image.effect_noise((80, 60), 90).resize((640, 480), Image.Resampling.BICUBIC)
    for image, best in ((drawing, "none"), (grown, "paeth")):
        data = vips.encode_png(image)
        with monkeypatch.context() as only:
            only.setattr(libraries, "PNG_LEVELS", {best: libraries.PNG_LEVELS[best]})
            assert vips.encode_png(image) == data


@pytest.mark.parametrize("height", [1, 3, 65, 588, 4001])
def test_the_strips_that_a_png_is_tried_on_lie_within_it(height: int) -> None:
    strips = libraries.png_strips(height)
    assert all(top >= 0 and rows >= 1 and top + rows <= height for top, rows in strips)
    assert height < 65 or len(set(strips)) == libraries.PNG_STRIPS


def test_libvips_writes_only_png_and_only_where_pixels_are_many() -> None:
    assert libraries.vips_encodes("png", Size(400, 300))
    assert not libraries.vips_encodes("png", Size(100, 100))
    assert not libraries.vips_encodes("jpeg", Size(400, 300))


@pytest.mark.parametrize(("mode", "bands"), [("L", 1), ("LA", 4), ("RGB", 4), ("RGBA", 4)])
def test_the_memory_of_a_picture_is_the_picture(mode: str, bands: int) -> None:
    image = scene(mode)
    memory = pixels.memory(image)
    assert len(memory) == bands * image.width * image.height
    at = bands * (3 * image.width + 5)
    memory[at : at + bands] = bytes(range(1, 1 + bands))
    assert image.getpixel((5, 3)) == {"L": 1, "LA": (1, 4), "RGB": (1, 2, 3), "RGBA": (1, 2, 3, 4)}[mode]
