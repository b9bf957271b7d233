"""A decoder short of memory says so, however the codec put it: never is it called the image's fault."""

import json
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import pytest
from PIL import Image

from host.settings.extras import formats_read
from jobs.images.formats import HEIC
from tests.support.clusters.cluster import ROOT, Cluster
from tests.support.pictures import heif
from tests.support.pictures.hostile import FORMATS, png, written, zeros

SIDE = 3000
"""Of a plain picture: it is the memory that is to be short, not the time."""


STEPS_BYTES = [megabytes << 20 for megabytes in (1, 8, 16, 32, 48, 64, 96, 160, 400, 700)]
WRITTEN = [
    {"format": "jpeg"},
    {"format": "jpeg", "progressive": True},
    {"format": "png"},
    {"format": "webp"},
    {"format": "webp", "lossless": True},
    {"format": "gif"},
    {"format": "avif"},
    {"format": "avif", "chroma": 444},
    {"format": "avif", "lossless": True},
]
FRAMES = 3


def fares(folder: Path, written_as: str, keys: dict[str, object]) -> list[str]:
    """What becomes of a picture in this format under these keys of a recipe, with more and more room."""
    path = folder / "picture"
    Image.new("RGB", (SIDE, SIDE), "#336699").save(path, FORMATS[written_as])
    return fares_of(path, keys)


def fares_of(path: Path, keys: dict[str, object], steps: list[int] = STEPS_BYTES) -> list[str]:
    command = [sys.executable, "-m", "tests.hostile.short_of_memory", str(path), json.dumps(keys), json.dumps(steps)]
    done = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=True)
    return list(json.loads(done.stdout).values())


def noise(mode: str, side: int) -> Image.Image:
    """What takes the most to write."""
    grain = Image.effect_noise((side, side), 60)
    return Image.merge(mode, [grain.transpose(turn) for turn in list(Image.Transpose)[: len(mode)]])


@pytest.mark.parametrize("keys", WRITTEN)
def test_an_encoder_without_room_is_out_of_memory(tmp_path: Path, keys: dict[str, object]) -> None:
    first, *between, last = fares(tmp_path, "png", keys)
    assert (first, last) == ("out of memory", "done")
    assert set(between) <= {"done", "out of memory"}


@pytest.mark.parametrize("side", [64, 300])
@pytest.mark.parametrize("keys", WRITTEN)
def test_an_encoder_of_noise_without_room_is_out_of_memory(tmp_path: Path, keys: dict[str, object], side: int) -> None:
    path = tmp_path / "noise"
    noise("RGBA", side).save(path, "png")
    most = (24 << 20) + 100 * side * side
    *less, whole = fares_of(path, keys, [*range(1 << 18, most, most // 16), most])
    assert whole == "done"
    assert set(less) <= {"done", "out of memory"}


@pytest.mark.parametrize("side", [100, 400])
@pytest.mark.parametrize(
    "keys", [{"format": "png"}, {"format": "gif"}, {"format": "webp"}, {"format": "webp", "lossless": True}]
)
def test_an_animation_without_room_is_out_of_memory(tmp_path: Path, keys: dict[str, object], side: int) -> None:
    path, picture = tmp_path / "animation", noise("RGBA", side)
    picture.save(path, "png", save_all=True, append_images=[picture.rotate(90 * turn) for turn in range(1, FRAMES)])
    most = (8 << 20) + 100 * side * side
    *less, whole = fares_of(path, keys, [*range(1 << 18, most, most // 16), most])
    assert whole == "done"
    assert set(less) <= {"done", "out of memory"}


@pytest.mark.parametrize("format", ["jpeg", "webp", "avif", "gif", "tiff", "bmp"])
def test_a_reader_without_room_is_out_of_memory(tmp_path: Path, format: str) -> None:
    first, *between, last = fares(tmp_path, format, {"width": SIDE - 1})
    assert (first, last) == ("out of memory", "done")
    assert set(between) <= {"done", "out of memory"}


@pytest.mark.skipif(HEIC not in formats_read(), reason="needs pi-heif")
def test_heic_without_room_is_out_of_memory(tmp_path: Path) -> None:
    path = tmp_path / "tiles"
    path.write_bytes(heif.heic(*heif.grid(30, 30, 1920, 1920)))
    first, *between, last = fares_of(path, {"width": 1000})
    assert (first, last) == ("out of memory", "done")
    assert set(between) <= {"done", "out of memory"}


@pytest.mark.cluster
def test_a_bomb_is_tried_once_more_with_twice_the_memory(new_cluster: Callable[..., Cluster]) -> None:
    cluster = new_cluster(decoder_bytes_max=64 << 20).start()
    bomb = png(10_000, 9_000, zeros(30_001 * 9_000), colour=2)  # 270 MB of pixels
    found = cluster.ended(cluster.upload(bomb)["id"])
    assert (found["state"], found["error"]["code"], found["attempts"]) == ("failed", "memory_over_limit", 2)
    assert cluster.ended(cluster.upload(written("jpeg"))["id"])["state"] == "done"
