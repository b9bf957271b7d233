"""Releases as folders: the tree of a git ref beside this one, and the files of one put over those of another."""

import os
import shutil
import subprocess
import sys
from pathlib import Path

from tests.support.clusters.cluster import ROOT

LANDED = "822fbd2"
"""The ref if there is no tag yet: the last tree that others have."""
RELEASED = ("jobs", "host", "stores", "broker", "web", "worker", "courier", "supervisor", "recipes.toml")
"""All of a release that its processes read."""


def previous_ref() -> str:
    """The last tag before this commit, or LANDED."""
    found = _git("describe", "--tags", "--abbrev=0", "HEAD^")
    return found.stdout.decode().strip() if found.returncode == 0 else LANDED


def has(ref: str) -> bool:
    """Whether this checkout has the commit; a tree without history has none."""
    return _git("cat-file", "-e", f"{ref}^{{commit}}").returncode == 0


def lay_down(ref: str, folder: Path) -> Path:
    """The release of `ref`, in `folder`."""
    folder.mkdir()
    there = _git("ls-tree", "--name-only", ref, *RELEASED).stdout.decode().split()  # the first ones had no courier
    archive = _git("archive", "--format=tar", ref, *there)
    assert archive.returncode == 0, archive.stderr.decode()
    subprocess.run(["tar", "-x", "-C", str(folder)], input=archive.stdout, check=True)
    return folder


def schema_of(tree: Path) -> int:
    """The number of the ledger's schema in this tree."""
    asked = [sys.executable, "-c", "from stores.ledger.sqlite import SCHEMA; print(SCHEMA)"]
    return int(subprocess.run(asked, cwd=tree, capture_output=True, check=True).stdout)


def put(tree: Path, release: Path) -> None:
    """Make `release` the same as the tree, file by file."""
    wanted = {
        path.relative_to(tree)
        for name in RELEASED
        for path in [tree / name, *(tree / name).rglob("*")]
        if path.is_file() and "__pycache__" not in path.parts
    }
    for path in wanted:
        (release / path).parent.mkdir(parents=True, exist_ok=True)
        part = release / f"{path}.part"
        shutil.copy(tree / path, part)
        os.replace(part, release / path)
    for there in [path for path in release.rglob("*") if path.is_file() and "__pycache__" not in path.parts]:
        if there.relative_to(release) not in wanted:
            there.unlink()


def _git(*words: str) -> subprocess.CompletedProcess[bytes]:
    return subprocess.run(["git", "-C", str(ROOT), *words], capture_output=True, check=False)
