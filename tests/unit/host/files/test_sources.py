"""Which source files changed since the last look."""

import os
from math import inf
from pathlib import Path

import pytest

from host.files.sources import Watch


@pytest.fixture
def tree(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A working folder with two sources."""
    monkeypatch.chdir(tmp_path)
    (tmp_path / "web").mkdir()
    for name in ("recipes.toml", "web/app.py"):
        (tmp_path / name).write_text("")
    return tmp_path


def test_it_names_what_was_written_came_and_went(tree: Path) -> None:
    watch = Watch(on=True)
    assert watch.changed() == []
    os.utime(tree / "web/app.py", (1.0, 1.0))
    assert watch.changed() == ["web/app.py"]
    (tree / "web/new.css").write_text("")
    (tree / "web/notes.txt").write_text("")
    (tree / "recipes.toml").unlink()
    assert watch.changed() == ["recipes.toml", "web/new.css"]
    assert watch.changed() == []


def test_one_that_is_off_sees_nothing(tree: Path) -> None:
    watch = Watch(on=False)
    (tree / "web/new.py").write_text("")
    assert (watch.changed(), watch.seconds) == ([], inf)
