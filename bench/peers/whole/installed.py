"""What the peers need beside pixmill's own packages, installed by hash into one folder that is not committed.

Owns this folder: the virtual environments `python` and `taskiq`, and `vips` for pixmill's extra. (Node's packages are
beside its programs.) No script of a Node package runs. What is there by the same lock is not installed again.
Where a program is missing, `missing` says so, and the contenders that need it are left out.
"""

import hashlib
import json
import shutil
import subprocess
import sys
from pathlib import Path

from tests.support.servers import postgres, redis

HERE = Path(__file__).parents[1]
FOLDER = HERE / "node_modules"
"""A name that version control, and every tool that reads source files, leaves out already."""
VIPS = FOLDER / "vips"
NODE = HERE / "node"
LOCKS = {"python": "requirements.lock", "taskiq": "taskiq.lock", "vips": "vips.lock"}
"""The locks in programs/, by the need of a contender."""
MARK = ".pixmill-lock"
SECONDS_MAX = 600.0


def python(need: str) -> Path:
    """The folder of the programs of the virtual environment for `python` or `taskiq`."""
    return FOLDER / need / "bin"


def missing(needs: frozenset[str]) -> str:
    """A sentence about what this machine lacks of `needs` (node, redis, postgresql); "" if it has everything."""
    if "node" in needs and not (shutil.which("node") and shutil.which("npm")):
        return "there is no Node: apt-get install nodejs npm"
    if "redis" in needs and not shutil.which("redis-server"):
        return redis.MISSING
    if "postgresql" in needs and postgres.programs() is None:
        return postgres.MISSING
    return ""


def install(needs: frozenset[str]) -> None:
    """Install what contenders with these needs (also: python, taskiq, vips) use. Raises AssertionError
    if a package cannot be had."""
    FOLDER.mkdir(exist_ok=True)
    lock, folder = NODE / "package-lock.json", NODE / "node_modules"
    if "node" in needs and not _holds(folder, lock):
        _run("npm", "ci", "--ignore-scripts", "--no-fund", "--no-audit", folder=NODE)
        _mark(folder, lock)
    for need in sorted(needs & {*LOCKS}):
        lock, folder = HERE / "programs" / LOCKS[need], FOLDER / need
        if not _holds(folder, lock):
            shutil.rmtree(folder, ignore_errors=True)
            if need == "vips":
                _pip(sys.executable, lock, "--target", str(folder))
            else:
                _run(sys.executable, "-m", "venv", str(folder))
                _pip(str(python(need) / "python"), lock)
            _mark(folder, lock)


def versions(needs: frozenset[str]) -> dict[str, str]:
    """The pinned versions, by package, of what contenders with these needs use."""
    found: dict[str, str] = {}
    for need in sorted(needs & {*LOCKS}):
        found |= pinned((HERE / "programs" / LOCKS[need]).read_text())
    if "node" in needs:
        packages = json.loads((NODE / "package-lock.json").read_text())["packages"]
        asked = packages[""]["dependencies"]
        found |= {name: packages[f"node_modules/{name}"]["version"] for name in asked}
    return found


def pinned(lock: str) -> dict[str, str]:
    """Version by package of the text of a lock."""
    pairs = [line.split()[0].partition("==") for line in lock.splitlines() if line[:1].isalnum()]
    return {name: version for name, _, version in pairs}


def _holds(folder: Path, lock: Path) -> bool:
    """Whether a folder has just what a lock names: it keeps the digest of its lock."""
    mark = folder / MARK
    return mark.exists() and mark.read_text() == hashlib.sha256(lock.read_bytes()).hexdigest()


def _mark(folder: Path, lock: Path) -> None:
    (folder / MARK).write_text(hashlib.sha256(lock.read_bytes()).hexdigest())


def _pip(python: str, lock: Path, *words: str) -> None:
    _run(python, "-m", "pip", "install", "--quiet", "--disable-pip-version-check", "--require-hashes",
         "-r", str(lock), *words)  # fmt: skip


def _run(*command: str, folder: Path | None = None) -> None:
    done = subprocess.run(command, cwd=folder, capture_output=True, text=True, timeout=SECONDS_MAX)
    assert not done.returncode, f"{' '.join(command[:4])} failed: {done.stderr[-2000:]}"
