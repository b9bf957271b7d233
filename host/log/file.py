"""The file of LOG_PATH, a file to which all processes append lines.

Owns the file's descriptor, and its bound: whoever finds the file too large renames it. logrotate may rename it (it is
opened anew then) or cut it to nothing (copytruncate): all writes append.
"""

import contextlib
import fcntl
import os
from pathlib import Path

MODE = 0o600


class LogFile:
    """Appends lines. While the file cannot be written, each line is tried, and raises OSError. A file with more than
    `bytes_max` bytes is renamed to the same name with .1, over the former one; 0: nobody does it here."""

    def __init__(self, path: str, bytes_max: int = 0) -> None:
        self._path, self._bytes_max, self._descriptor = path, bytes_max, -1
        self._opened: tuple[int, int] | None = None

    def append(self, text: str) -> None:
        """Append a line, whole. Raises OSError."""
        found = self._found()
        if found is not None and self._bytes_max and found.st_size > self._bytes_max:
            self._turn_over()
            found = None
        if found is None or self._opened != (found.st_dev, found.st_ino):
            self._open()
        os.write(self._descriptor, text.encode() + b"\n")

    def close(self) -> None:
        """Close the file; the next line opens it anew."""
        if self._opened is not None:
            self._opened = None
            os.close(self._descriptor)

    def _found(self) -> os.stat_result | None:
        try:
            return os.stat(self._path)
        except FileNotFoundError:
            return None

    def _turn_over(self) -> None:
        """Rename the file, unless another process does. It is locked first: who has the lock of the very file that has
        the name may rename it if it is large: the next one, which has the name by now, is still small."""
        self._open()
        with contextlib.suppress(BlockingIOError):
            fcntl.flock(self._descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
            found = self._found()
            if found is None or found.st_size <= self._bytes_max:
                return  # another process renamed the large one
            if self._opened == (found.st_dev, found.st_ino):
                os.replace(self._path, former(self._path))

    def _open(self) -> None:
        self.close()
        Path(self._path).parent.mkdir(mode=0o700, parents=True, exist_ok=True)
        flags = os.O_WRONLY | os.O_APPEND | os.O_CREAT | os.O_CLOEXEC | os.O_NOCTTY | os.O_NONBLOCK
        self._descriptor = os.open(self._path, flags, MODE)
        told = os.fstat(self._descriptor)
        self._opened = told.st_dev, told.st_ino


def former(path: str) -> str:
    """The file with the lines before those of `path`."""
    return f"{path}.1"
