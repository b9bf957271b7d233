"""What the tests need beside Python's packages, and what is not tested without it.

Owns the table of these needs, and what a test does without one. The test that needs one looks for it itself, and ends
by `lacking`; this tells it beforehand.
"""

import os
import shutil
import subprocess
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path
from typing import NamedTuple, NoReturn

import pytest

from host.settings.extras import turbojpeg_file

SHARED = Path(__file__).resolve().parents[4] / "shared"


class Need(NamedTuple):
    """A part, what is not tested without it, and how to get it."""

    name: str
    tested: str
    get: str
    there: Callable[[], bool]


def _program(*names: str) -> Callable[[], bool]:
    return lambda: any(shutil.which(name) for name in names)


def _postgres() -> bool:
    with suppress(OSError, subprocess.CalledProcessError):
        asked = subprocess.run(["pg_config", "--bindir"], check=True, capture_output=True, text=True)
        return (Path(asked.stdout.strip()) / "initdb").exists()
    return False


NEEDS = (
    Need("Chromium", "the page (`tests/browser`)", "apt-get install chromium", _program("chromium", "google-chrome")),
    Need("PostgreSQL", "the ledger in PostgreSQL", "apt-get install postgresql", _postgres),
    Need("Redis", "the result cache in Redis", "apt-get install redis-server", _program("redis-server")),
    Need("nginx", "the files for nginx", "apt-get install nginx-light", _program("nginx")),
    Need("strace", "crashes at a given system call, and slow disks", "apt-get install strace", _program("strace")),
    Need("libturbojpeg", "JPEGs made of planes", "apt-get install libturbojpeg0", lambda: bool(turbojpeg_file())),
    Need("exiftool", "which metadata a file has", "apt-get install libimage-exiftool-perl", _program("exiftool")),
    Need("Prometheus", "metrics, alerts and the dashboard", "apt-get install prometheus", _program("promtool")),
    Need(
        "npm",
        "axe on the page, the upload libraries, sharp as a judge of pictures, a client in TypeScript, and PM2",
        "apt-get install npm",
        _program("npm"),
    ),
    Need("the corpus", "files of many cameras and programs", "`../shared/corpus`", (SHARED / "corpus").is_dir),
)


def lacking(why: str) -> NoReturn:
    """Skip the test that runs now, and say why; with CI=true fail it."""
    (pytest.fail if os.environ.get("CI") == "true" else pytest.skip)(why)


def missing() -> list[Need]:
    """What this machine lacks."""
    return [need for need in NEEDS if not need.there()]
