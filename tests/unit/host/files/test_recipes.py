"""Which file RECIPES means: the named one, or else the working folder's, or else pixmill's own."""

import os
from pathlib import Path
from typing import Any

import pytest

from host.files.recipes import PACKAGED, load_recipes, recipes_path
from host.settings.settings import RECIPES, Settings, parse
from jobs.errors import SetupFault

PRESETS = '[[presets.mine.renditions]]\nname = "small"\n'


def test_without_a_setting_the_working_folder_s_file_comes_before_our_own(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    settings, _ = parse({})
    assert recipes_path(settings) == PACKAGED
    assert "default" in load_recipes(settings).presets
    Path(RECIPES).write_text(PRESETS + PRESETS.replace("mine", "default"))
    assert set(load_recipes(settings).presets) == {"mine", "default"}


@pytest.mark.parametrize("name", [RECIPES, f"./{RECIPES}", "other.toml"])
def test_a_file_that_is_named_must_be_there(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, name: str) -> None:
    """Else the uploads of an owner whose file was moved meet presets that are not theirs."""
    monkeypatch.chdir(tmp_path)
    settings, sources = parse({"PIXMILL_RECIPES": name})
    assert sources["recipes"] == "PIXMILL_RECIPES"
    with pytest.raises(SetupFault, match=r"toml cannot be read \(No such file or directory\): set PIXMILL_RECIPES"):
        load_recipes(settings)
    Path(name).write_text(PRESETS.replace("mine", "default"))
    assert set(load_recipes(settings).presets) == {"default"}


def test_a_link_to_a_file_that_is_gone_is_no_working_folder_without_one(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    Path(RECIPES).symlink_to("gone.toml")
    with pytest.raises(SetupFault, match="cannot be read"):
        load_recipes(Settings())


def test_a_working_folder_that_may_not_be_looked_into_is_told(monkeypatch: pytest.MonkeyPatch) -> None:
    def refuse(path: Any, *_: Any, **__: Any) -> None:
        raise PermissionError(13, os.strerror(13), str(path))

    for name in ("stat", "lstat"):
        monkeypatch.setattr(os, name, refuse)
    monkeypatch.setattr(Path, "read_text", refuse)
    with pytest.raises(SetupFault, match=r"cannot be read \(Permission denied\): set PIXMILL_RECIPES"):
        load_recipes(Settings())
