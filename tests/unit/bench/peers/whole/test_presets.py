"""bench/peers/whole/presets.py: all contenders are asked for the same."""

import tomllib
from pathlib import Path

from PIL import Image

from bench.peers.whole import presets

ROOT = Path(__file__).parents[5]


def test_the_recipes_of_pixmill_say_the_same_as_the_presets() -> None:
    wanted = presets.presets(ROOT / "recipes.toml")
    said = tomllib.loads(presets.as_recipes(wanted))["presets"]
    assert {name: one["renditions"] for name, one in said.items()} == wanted
    assert [len(wanted[name]) for name in ("one", "five", "default")] == [1, 5, 2]


def test_sides_that_are_expected() -> None:
    assert presets.expected({"width": 720, "height": 588}) == (720, 588)
    assert presets.expected({"width": 1600, "height": 1600}) == (1600, 1306)
    assert presets.expected({"width": 320, "height": 320, "fit": "cover"}) == (320, 320)
    assert presets.expected({"width": 9000}) == presets.SIDES


def test_the_photograph_has_its_sides_and_bytes(tmp_path: Path) -> None:
    scene = tmp_path / "scene.png"
    Image.effect_noise((400, 300), 80).convert("RGB").save(scene)
    presets.make_photo(scene, tmp_path / "photo.jpg")
    assert (tmp_path / "photo.jpg").stat().st_size == presets.PHOTO_BYTES
    with Image.open(tmp_path / "photo.jpg") as image:
        assert (image.format, image.size) == ("JPEG", presets.SIDES)
