"""bench/peers/whole/installed.py: what is pinned, and what a machine lacks."""

import shutil
from pathlib import Path

import pytest

from bench.peers.whole import installed


def test_the_versions_of_a_lock() -> None:
    lock = '# made by uv\none==1.2 \\\n    --hash=sha256:00\n    # via two\ntwo==3 ; python_version < "4" \\\n'
    assert installed.pinned(lock) == {"one": "1.2", "two": "3"}


def test_every_peer_has_a_pinned_version() -> None:
    found = installed.versions(frozenset({"python", "taskiq", "vips", "node"}))
    assert {"celery", "dramatiq", "rq", "arq", "taskiq", "procrastinate", "pyvips", "sharp", "express"} <= {*found}


def test_what_is_missing_is_a_sentence(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(shutil, "which", lambda name: None)
    assert installed.missing(frozenset({"node"})) == "there is no Node: apt-get install nodejs npm"
    assert "redis-server" in installed.missing(frozenset({"python", "redis"}))
    assert installed.missing(frozenset({"vips"})) == ""


def test_nothing_is_installed_again_until_the_lock_differs(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    ran: list[str] = []

    def run(*command: str, folder: Path | None = None) -> None:
        ran.append(command[0])
        (tmp_path / "node_modules").mkdir(exist_ok=True)

    monkeypatch.setattr(installed, "_run", run)
    monkeypatch.setattr(installed, "NODE", tmp_path)
    monkeypatch.setattr(installed, "FOLDER", tmp_path / "others")
    for lock in ("{}", "{}", '{"other": 1}'):
        (tmp_path / "package-lock.json").write_text(lock)
        installed.install(frozenset({"node"}))
    assert ran == ["npm", "npm"]
