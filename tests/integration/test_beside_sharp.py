"""Pictures beside sharp's: the same keys, the same files. Skipped where npm does not get sharp."""

import io
import math
import random
from pathlib import Path
from typing import Any

import pytest
from PIL import Image, ImageChops

from jobs.recipes.recipe import parse
from tests.support.pictures.by_sharp import Sharp, compared
from tests.support.pictures.images import CORPUS, LIMITS, TEST_DATA, one, outputs, read, saved
from worker.images.looks.colours import lab
from worker.images.pipeline import run

DIGEST = "0" * 64


@pytest.fixture(scope="module")
def sharp(tmp_path_factory: pytest.TempPathFactory) -> Sharp:
    return Sharp(tmp_path_factory.mktemp("sharp"))


def photographs() -> list[Path]:
    there = [TEST_DATA / "sample.jpg", CORPUS / "orientation" / "Landscape_1.jpg", CORPUS / "pillow" / "hopper.jpg"]
    return [path for path in there if path.exists()]


def test_attention_keeps_what_sharp_keeps_in_eight_of_ten_cuts(sharp: Sharp) -> None:
    found = compared(sharp, photographs())
    assert len(found) >= 4
    assert sum(share >= 0.5 for _, share in found) >= 0.8 * len(found)


GRAVITIES = ("center", "north", "northeast", "east", "southeast", "south", "southwest", "west", "northwest")
PLACED: list[tuple[dict[str, Any], dict[str, Any]]] = [
    *(({"gravity": gravity}, {"gravity": gravity}) for gravity in GRAVITIES),
    *(({"gravity": "northwest", "offset": [x, y]}, {"left": x, "top": y}) for x, y in ((7, 30), (70, 50), (0, 59))),
    ({"gravity": "southeast", "offset": [3, 9]}, {"left": 87 - 3, "top": 54 - 9}),
    ({"gravity": "northwest", "tile": True}, {"gravity": "northwest", "tile": True}),
]
"""Keys of a watermark of 13 x 7 on a picture of 100 x 61, and what sharp calls them."""


def noise(width: int, height: int, mode: str, seed: int) -> Image.Image:
    dice = random.Random(seed)
    return Image.frombytes(mode, (width, height), bytes(dice.randrange(256) for _ in range(len(mode) * width * height)))


@pytest.mark.parametrize("mode", ["RGB", "RGBA"])
def test_watermarks_are_what_sharp_composes(sharp: Sharp, tmp_path: Path, mode: str) -> None:
    """Equal where the mark is opaque; half transparent pixels differ by 1 level at most."""
    picture, mark = noise(100, 61, "RGB", 1), noise(13, 7, mode, 2)
    picture.save(tmp_path / "picture.png")
    mark.save(tmp_path / "mark.png")
    calls = [[["composite", [{"input": str(tmp_path / "mark.png"), **theirs}]]] for _, theirs in PLACED]
    made = sharp.make([(tmp_path / "picture.png", each) for each in calls])
    for (ours, _), (path, _) in zip(PLACED, made, strict=True):
        spec = {"name": "a", "format": "png", "watermark": [{"name": "mark", "digest": DIGEST, **ours}]}
        (output,) = run(io.BytesIO(saved(picture)), parse({"renditions": [spec]}), LIMITS, {DIGEST: saved(mark)})
        differs: Any = ImageChops.difference(read(output).convert("RGB"), Image.open(path).convert("RGB")).getextrema()
        assert max(most for _, most in differs) <= (mode == "RGBA"), ours


COLOURED: list[tuple[dict[str, Any], list[list[Any]]]] = [
    ({"modulate": {"brightness": 1.3}}, [["modulate", {"brightness": 1.3}]]),
    ({"modulate": {"brightness": 0.6}}, [["modulate", {"brightness": 0.6}]]),
    ({"modulate": {"saturation": 0}}, [["modulate", {"saturation": 0}]]),
    ({"modulate": {"saturation": 0.5}}, [["modulate", {"saturation": 0.5}]]),
    ({"modulate": {"saturation": 1.6}}, [["modulate", {"saturation": 1.6}]]),
    ({"modulate": {"hue": 60}}, [["modulate", {"hue": 60}]]),
    ({"modulate": {"hue": -130}}, [["modulate", {"hue": -130}]]),
    ({"modulate": {"lightness": 15}}, [["modulate", {"lightness": 15}]]),
    (
        {"modulate": {"brightness": 0.8, "saturation": 1.3, "hue": 200, "lightness": 5}},
        [["modulate", {"brightness": 0.8, "saturation": 1.3, "hue": 200, "lightness": 5}]],
    ),
    ({"gamma": 1.5}, [["gamma", 1, 1.5]]),
    ({"gamma": 2.8}, [["gamma", 1, 2.8]]),
    ({"linear": {"a": 1.4, "b": -30}}, [["linear", 1.4, -30]]),
    ({"linear": {"a": [0.5, 1, 1.5], "b": [60, 0, -60]}}, [["linear", [0.5, 1, 1.5], [60, 0, -60]]]),
    ({"normalise": {"lower": 0, "upper": 100}}, [["normalise", {"lower": 0, "upper": 100}]]),
    ({"normalise": {"lower": 10, "upper": 85}}, [["normalise", {"lower": 10, "upper": 85}]]),
    ({"tint": "#ff8000"}, [["tint", "#ff8000"]]),
    ({"tint": "#204060"}, [["tint", "#204060"]]),
    ({"negate": True}, [["negate"]]),
    ({"median": 3}, [["median", 3]]),
    ({"median": 5}, [["median", 5]]),
    ({"median": 7}, [["median", 7]]),
    ({"blur": 2, "negate": True, "gamma": 2}, [["blur", 2], ["negate"], ["gamma", 1, 2]]),
]
"""Keys, and what sharp calls them. (libvips takes the lightest pixel for the percentile 99: by default sharp's pictures
have less contrast. The percentiles have a unit test.)"""
DELTA_MAX = 2.0


def distance(one: Image.Image, other: Image.Image) -> float:
    """The mean of CIELAB's distances (1976) of a grid of pixels."""
    pairs = zip(*(grid(each.convert("RGB")) for each in (one, other)), strict=True)
    found = [math.dist(*(lab(*(channel / 255 for channel in each)) for each in pair)) for pair in pairs]
    return sum(found) / len(found)


def grid(image: Image.Image) -> list[tuple[int, ...]]:
    data = image.tobytes()
    return [tuple(data[at : at + 3]) for at in range(0, len(data), 3 * 11)]


def test_colours_are_sharps_within_2_of_cielab_on_average(sharp: Sharp, tmp_path: Path) -> None:
    for source in photographs():
        with Image.open(source) as image:
            image.convert("RGB").resize((240, 180)).save(tmp_path / "photograph.png")
        made = sharp.make([(tmp_path / "photograph.png", calls) for _, calls in COLOURED])
        data, found = (tmp_path / "photograph.png").read_bytes(), {}
        for (keys, _), (path, _) in zip(COLOURED, made, strict=True):
            found[str(keys)] = distance(read(outputs(data, one(**keys))["a"]), Image.open(path))
            print(f"{source.name}: {found[str(keys)]:.2f} {keys}")
        assert {keys: far for keys, far in found.items() if far > DELTA_MAX} == {}


def test_a_threshold_of_a_gray_picture_is_sharps(sharp: Sharp, tmp_path: Path) -> None:
    """sharp's gray of a colour is another (by linear light); that of gray pictures is the same."""
    noise(60, 40, "L", 4).save(tmp_path / "gray.png")
    ((path, _),) = sharp.make([(tmp_path / "gray.png", [["threshold", 100]])])
    found = read(outputs((tmp_path / "gray.png").read_bytes(), one(threshold=100))["a"])
    assert found.convert("L").tobytes() == Image.open(path).convert("L").tobytes()
