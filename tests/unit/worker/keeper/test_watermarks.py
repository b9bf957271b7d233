"""host/files/recipes.py and worker/keeper/watermarks.py: the images of recipes.toml, found by what they are."""

import os
from contextlib import nullcontext
from pathlib import Path

import pytest

from host.files.recipes import WATERMARK_BYTES_MAX, digest_of, load_recipes, load_watermarks
from host.settings.settings import Settings
from jobs.errors import ImageFault, SetupFault
from jobs.recipes.recipe import Watermark, canonical, parse
from tests.support.harnesses.web_harness import png
from worker.keeper.watermarks import Watermarks

TOML = """
[watermarks]
logo = "logo.png"
[[presets.default.renditions]]
name = "a"
watermark = {name = "logo", opacity = 0.5}
"""


def settings(folder: Path, image: bytes = png()) -> Settings:
    (folder / "recipes.toml").write_text(TOML)
    (folder / "logo.png").write_bytes(image)
    return Settings(recipes=str(folder / "recipes.toml"))


def asking(digest: str) -> str:
    return canonical(parse({"renditions": [{"name": "a", "watermark": {"name": "logo"}}]}, {"logo": digest}))


def test_a_preset_is_resolved_to_the_image_beside_its_file(tmp_path: Path) -> None:
    recipes = load_recipes(settings(tmp_path))
    assert recipes.watermarks == {"logo": digest_of(png())}
    watermark = recipes.presets["default"].renditions[0].watermark
    assert isinstance(watermark, Watermark)
    assert (watermark.digest, watermark.opacity) == (digest_of(png()), 0.5)
    assert load_watermarks(settings(tmp_path)) == {digest_of(png()): png()}


@pytest.mark.parametrize(
    ("image", "says"),
    [(b"<svg/>", "no image"), (png(5000, 5000), "smaller"), (png(filler=bytes(WATERMARK_BYTES_MAX)), "smaller")],
)
def test_what_is_no_watermark_refuses_the_start(tmp_path: Path, image: bytes, says: str) -> None:
    with pytest.raises(SetupFault, match=says):
        load_recipes(settings(tmp_path, image))


def test_a_watermark_or_a_file_that_is_not_there_refuses_the_start(tmp_path: Path) -> None:
    with pytest.raises(SetupFault, match="PIXMILL_RECIPES"):
        load_recipes(Settings(recipes=str(tmp_path / "none.toml")))
    there = settings(tmp_path)
    (tmp_path / "logo.png").unlink()
    with pytest.raises(SetupFault, match="'logo' cannot be read"):
        load_recipes(there)


def test_where_there_is_no_file_and_none_is_set_the_presets_are_ours(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    assert set(load_recipes(Settings()).presets) >= {"default", "avatar"}
    settings(tmp_path)
    assert set(load_recipes(Settings()).presets) == {"default"}


@pytest.mark.usefixtures("until_its_end")
def test_a_worker_keeps_what_it_has_read_and_finds_what_is_new(tmp_path: Path) -> None:
    old, new = png(1, 1), png(2, 2)
    watermarks = Watermarks(settings(tmp_path, old), nullcontext())
    assert watermarks.of(canonical(parse({"renditions": [{"name": "a"}]}))) == {}
    (file,) = watermarks.of(asking(digest_of(old))).values()
    assert os.pread(file, 1000, 0) == old
    settings(tmp_path, new)
    (other,) = watermarks.of(asking(digest_of(new))).values()
    assert os.pread(other, 1000, 0) == new
    assert watermarks.of(asking(digest_of(old))) == {digest_of(old): file}
    with pytest.raises(PermissionError):
        os.write(file, b"x")


@pytest.mark.usefixtures("until_its_end")
def test_a_watermark_that_is_not_to_be_had_ends_the_job(tmp_path: Path) -> None:
    watermarks = Watermarks(settings(tmp_path), nullcontext())
    with pytest.raises(ImageFault, match="not the one that this job was accepted with") as fault:
        watermarks.of(asking("0" * 64))
    assert fault.value.code == "operation_failed"
    (tmp_path / "logo.png").unlink()
    with pytest.raises(ImageFault, match="cannot be read"):
        watermarks.of(asking("0" * 64))
    with pytest.raises(ImageFault, match="no such key"):
        watermarks.of('{"renditions": [{"name": "a", "later": 1}]}')


def test_presets_in_another_encoding_refuse_the_start_in_one_sentence(tmp_path: Path) -> None:
    (tmp_path / "recipes.toml").write_bytes(b'# gr\xf6\xdfer\n[presets.default]\nrenditions = [{name = "a"}]\n')
    with pytest.raises(SetupFault, match="not in UTF-8: save them so"):
        load_recipes(Settings(recipes=str(tmp_path / "recipes.toml")))
