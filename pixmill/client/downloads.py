"""Sinks for what is downloaded: a file that is there whole or not at all, or bytes in memory. Knows no server."""

import uuid
from pathlib import Path
from types import TracebackType
from typing import BinaryIO, Self


class PartialFile:
    """The file at `path`, written beside it and renamed once it is complete. It has no partial file afterwards."""

    def __init__(self, path: Path, exclusive: bool) -> None:
        self._path, self._exclusive = path, exclusive
        self._partial = path.with_name(f".pixmill-{uuid.uuid4().hex}.partial")
        self._file: BinaryIO | None = None

    def restart(self) -> None:
        """Raises OSError."""
        self._close()
        self._file = self._partial.open("wb")

    def write(self, data: bytes) -> None:
        """Raises OSError."""
        assert self._file is not None
        self._file.write(data)

    def complete(self) -> None:
        """Give the file its name. Raises OSError; FileExistsError where there is one and `exclusive` is asked."""
        self._close()
        if self._exclusive:
            self._path.open("x").close()
        self._partial.replace(self._path)

    def _close(self) -> None:
        if self._file is not None:
            self._file.close()
            self._file = None

    def __enter__(self) -> Self:
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, at: TracebackType | None) -> None:
        self._close()
        self._partial.unlink(missing_ok=True)


class Memory:
    """All bytes of an answer."""

    def __init__(self) -> None:
        self.data = bytearray()

    def restart(self) -> None:
        """Forget what came."""
        self.data.clear()

    def write(self, data: bytes) -> None:
        """Keep the next bytes."""
        self.data += data
