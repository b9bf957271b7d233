"""Small file systems for tests with a full or read-only disk: tmpfs, if the test may mount."""

import subprocess
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest


@contextmanager
def small_disk(folder: Path, mebibytes: int) -> Iterator[Path]:
    """Mount a file system of that size at `folder`. Skips the test if that is not allowed."""
    folder.mkdir(parents=True, exist_ok=True)
    done = _mount("-t", "tmpfs", "-o", f"size={mebibytes}m", "tmpfs", str(folder))
    if done.returncode:
        pytest.skip(f"this machine mounts nothing for us: {done.stderr.strip()}")
    try:
        yield folder
    finally:
        subprocess.run(["umount", "--lazy", str(folder)], check=True)


def set_read_only(folder: Path, *, yes: bool) -> None:
    """Make a small disk read-only, or writable again, also if files are open on it."""
    done = _mount("-o", f"remount,{'ro' if yes else 'rw'}", str(folder))
    assert done.returncode == 0, done.stderr


def _mount(*words: str) -> "subprocess.CompletedProcess[str]":
    try:
        return subprocess.run(["mount", *words], capture_output=True, text=True, check=False)
    except FileNotFoundError as error:
        pytest.skip(f"this machine has no mount: {error}")
