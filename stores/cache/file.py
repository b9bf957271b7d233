"""The result cache as small files under a fan-out of 256 folders.

Nothing is synced. A value lands by rename, so it is whole or absent. After a power cut it may be empty;
its reader then takes it as a miss. Bounded: a folder holds at most FOLDER_VALUES_MAX values, and the
oldest go first.
"""

import contextlib
import os
import re
import secrets
from pathlib import Path

VALUE_BYTES_MAX = 65_536
"""A manifest of 16 renditions takes some 4 KB."""
FOLDER_VALUES_MAX = 512
"""Values of each of 256 folders: 131,072 in all, half a GiB of 4 KB blocks."""
_PRUNED_BY = frozenset("0123")
"""A put prunes if its key ends with one of these digits: one in four, so that listing costs little. A
folder may exceed its bound by the few puts in between."""
_KEY = re.compile(r"[0-9a-f]{8,128}")


class FileCache:
    """A Cache in `folder`, shared by any number of processes."""

    def __init__(self, folder: Path) -> None:
        self._folder = os.path.abspath(folder)

    def get(self, key: str) -> bytes | None:
        if _KEY.fullmatch(key) is None:
            return None
        try:
            with open(f"{self._folder}/{key[:2]}/{key}", "rb") as file:
                return file.read() or None
        except OSError:
            return None

    def put(self, key: str, value: bytes) -> None:
        """As Cache.put."""
        if _KEY.fullmatch(key) is None or len(value) > VALUE_BYTES_MAX:
            return
        folder = f"{self._folder}/{key[:2]}"  # no pathlib, as in stores/blobs/local.py
        fresh = f"{folder}/.{secrets.token_hex(8)}"
        with contextlib.suppress(OSError):
            os.makedirs(folder, exist_ok=True)
            try:
                with open(fresh, "xb") as file:
                    file.write(value)
                os.replace(fresh, f"{folder}/{key}")
            finally:
                with contextlib.suppress(FileNotFoundError):
                    os.unlink(fresh)
            if key[-1] in _PRUNED_BY:
                _prune(folder)

    def drop(self, key: str) -> None:
        if _KEY.fullmatch(key) is not None:
            with contextlib.suppress(OSError):
                os.unlink(f"{self._folder}/{key[:2]}/{key}")

    def failing(self) -> str:
        """Nothing: a file that cannot be read or written costs no time, and the disk's other users tell of it."""
        return ""


def _prune(folder: str) -> None:
    """Delete the oldest files beyond the bound, left-over temporary files included."""
    with os.scandir(folder) as entries:
        aged = sorted((entry.stat().st_mtime_ns, entry.path) for entry in entries)
    for _, path in aged[:-FOLDER_VALUES_MAX]:
        os.unlink(path)
