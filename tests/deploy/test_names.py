"""Every setting, role and program that a file of deploy/ names exists. A new file there is checked by being there."""

import importlib.util
import re
from pathlib import Path

import click
import pytest

from host.settings import settings
from pixmill.words import program
from tests.support.clusters.cluster import ROOT

FILES = sorted(path for path in (ROOT / "deploy").rglob("*") if path.is_file())
SETTINGS = {f"PIXMILL_{name.upper()}" for name in settings.Settings.__struct_fields__}
KNOWN = SETTINGS | {f"{name}_FILE" for name in SETTINGS} | settings.CLIENT


def names_of_settings(text: str) -> set[str]:
    """Every PIXMILL_ name, in code and comments."""
    return set(re.findall(r"\bPIXMILL_[A-Z][A-Z_]*[A-Z]\b", text))


def commands(text: str) -> list[list[str]]:
    """The words after each `pixmill` that is a program, as far as they are plain."""
    return [words.split() for words in re.findall(r"bin/pixmill\b((?: +[a-z-]+)+)", text)]


def modules(text: str) -> set[str]:
    """Every module that a Python is told to run, by itself or through the launcher."""
    direct = set(re.findall(r"\bpython3? (?:-P )?-m ([\w.]+)", text))
    return direct | set(re.findall(r"-m pixmill\.server ([\w.]+)", text))


@pytest.mark.parametrize("path", FILES, ids=lambda path: str(path.relative_to(ROOT)))
def test_what_a_file_names_is_there(path: Path) -> None:
    text = path.read_text()
    assert names_of_settings(text) - KNOWN == set()
    for words in commands(text):
        command = program.commands[words[0]]
        choices = [
            it.type.choices for it in command.params if "--role" in it.opts and isinstance(it.type, click.Choice)
        ]
        assert words[1:] == [] or (words[1] == "--role" and words[2] in choices[0])
    assert [name for name in modules(text) if importlib.util.find_spec(name) is None] == []


def test_the_names_are_found() -> None:
    text = "PIXMILL_NO_SUCH=1\nExecStart=/opt/x/bin/pixmill serve --role cook\nx/python -m pixmill.server nosuch a"
    assert names_of_settings(text) == {"PIXMILL_NO_SUCH"}
    assert commands(text) == [["serve", "--role", "cook"]]
    assert modules(text) == {"pixmill.server", "nosuch"}
