"""The result cache as small files under a fan-out of 256 folders.

Nothing is synced: a value is whole or absent because it lands by rename, and after a power cut an
empty one is as good as none to whoever decodes it. Bounded: a folder holds at most
FOLDER_VALUES_MAX values, the oldest written go first.
"""

import contextlib
import os
import re
import secrets
from pathlib import Path

VALUE_BYTES_MAX = 65_536
"""A manifest of 16 renditions takes some 4 KB."""
FOLDER_VALUES_MAX = 512
"""Of each of 256 folders: 131,072 values in all, half a GiB of 4 KB blocks."""
_PRUNED_BY = frozenset("0123")
"""Last digits of the keys whose put also prunes: one in four, so that listing costs little. A
folder may pass its bound by the few puts between two of them."""
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


def _prune(folder: str) -> None:
    """Delete the oldest beyond the bound, left-over temporary files among them."""
    with os.scandir(folder) as entries:
        aged = sorted((entry.stat().st_mtime_ns, entry.path) for entry in entries)
    for _, path in aged[:-FOLDER_VALUES_MAX]:
        os.unlink(path)
