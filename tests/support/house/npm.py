"""npm, which gets the packages of some tests: all by hash, and no script of a package runs."""

import shutil
import subprocess
from pathlib import Path

from tests.support.house.needs import lacking

SECONDS_MAX = 120.0


def npm(*words: str, folder: Path | None = None) -> None:
    """Run `npm WORDS` in `folder`. Where there is no npm, or it gets nothing, the test that asks is not run here."""
    program = shutil.which("npm")
    if program is None:
        lacking("there is no npm on this machine")
    command = [program, *words, "--no-fund", "--no-audit", "--prefer-offline"]
    try:
        done = subprocess.run(command, cwd=folder, capture_output=True, text=True, timeout=SECONDS_MAX)
    except subprocess.TimeoutExpired:
        lacking(f"npm got nothing within {SECONDS_MAX:g} s")
    if done.returncode:
        lacking(f"npm gets nothing: {done.stderr[-300:]}")


def packages(asked: Path, folder: Path) -> Path:
    """Install what package-lock.json in `asked` names into `folder`. Returns its node_modules."""
    for name in ("package.json", "package-lock.json"):
        shutil.copy(asked / name, folder)
    npm("ci", "--ignore-scripts", folder=folder)
    return folder / "node_modules"
