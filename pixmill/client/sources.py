"""What can be uploaded: a path, bytes or a file object, each as a Source that can be sent once more.

Knows no server.
"""

import io
import os
import shutil
import tempfile
from collections.abc import Callable, Iterator, Sequence
from contextlib import ExitStack, contextmanager
from pathlib import Path
from typing import BinaryIO, cast

from pixmill.core.requests import Source

File = str | os.PathLike[str] | bytes | bytearray | memoryview | BinaryIO
"""A path, the bytes of an image, or a file object that is open in binary mode."""
NamedFile = tuple[str, File]
"""The name that its job gets, and the file."""
SPOOLED_BYTES = 1024 * 1024
"""Of a file object that cannot seek, in memory; the rest is in a temporary file."""
Count = Callable[[int], object]
"""Is told how many bytes have been read of a source, each time that it is sent."""


class PathSource:
    """A regular file, opened anew each time. A name that is not UTF-8 is sent with U+FFFD for the bytes that are
    not."""

    def __init__(self, path: Path, filename: str | None, count: Count | None) -> None:
        self._path, self._count = path, count
        self.filename = filename or os.fsencode(path.name).decode("utf-8", "replace")

    def open(self) -> BinaryIO:
        """Raises OSError, also for a pipe or a device: it could not be sent once more."""
        if not self._path.is_file() and self._path.exists():
            raise OSError("this is no regular file")
        return _counted(self._path.open("rb"), 0, self._count)


class BytesSource:
    """Bytes in memory."""

    def __init__(self, data: bytes, filename: str | None, count: Count | None) -> None:
        self._data, self._count = data, count
        self.filename = filename or "image"

    def open(self) -> BinaryIO:
        """The bytes from their beginning."""
        return _counted(io.BytesIO(self._data), 0, self._count)


class FileSource:
    """A file object of the caller's that can seek, read from where it stands, and left open."""

    def __init__(self, file: BinaryIO, filename: str, count: Count | None) -> None:
        self._file, self.filename, self._count = file, filename, count
        self._start = file.tell()

    def open(self) -> BinaryIO:
        """The file again, at the place where it stood at first."""
        return _counted(_Kept(self._file), self._start, self._count)


@contextmanager
def sources_of(files: "Sequence[File | NamedFile]") -> Iterator[list[Source]]:
    """The sources of many files, and likewise. Raises ValueError if there are none."""
    if isinstance(files, str | bytes | bytearray | memoryview) or not files:
        raise ValueError("a batch is a list of at least one file")
    with ExitStack() as stack:
        named = [each if isinstance(each, tuple) else (None, each) for each in files]
        yield [_source_of(file, name, None, stack) for name, file in named]


@contextmanager
def source_of(file: File, filename: str | None, count: Count | None = None) -> Iterator[Source]:
    """The source of what a caller gave. Raises TypeError for anything else, text files included."""
    with ExitStack() as stack:
        yield _source_of(file, filename, count, stack)


def _source_of(file: File, filename: str | None, count: Count | None, stack: ExitStack) -> Source:
    if isinstance(file, str | os.PathLike):
        return PathSource(Path(file), filename, count)
    if isinstance(file, bytes | bytearray | memoryview):
        return BytesSource(bytes(file), filename, count)
    if isinstance(file, io.TextIOBase):
        raise TypeError('the file is open in text mode: open it with "rb"')
    if not hasattr(file, "read"):
        raise TypeError(f"a path, bytes or a file object, not {type(file).__name__}")
    again = file if file.seekable() else stack.enter_context(_spooled(file))
    return FileSource(again, filename or _name_of(file), count)


class _Counted(io.RawIOBase):
    """A file object whose beginning is at `start`. `count` is told of the bytes read so far."""

    def __init__(self, file: BinaryIO, start: int, count: Count) -> None:
        self._file, self._start, self._counter = file, start, count
        self._file.seek(start)

    def read(self, size: int = -1, /) -> bytes:
        data = self._file.read(size)
        self._counter(self._file.tell() - self._start)
        return data

    def seek(self, offset: int, whence: int = os.SEEK_SET, /) -> int:
        at = offset + self._start if whence == os.SEEK_SET else offset
        return self._file.seek(at, whence) - self._start

    def tell(self) -> int:
        return self._file.tell() - self._start

    def close(self) -> None:
        if not self.closed:
            self._file.close()
        super().close()


class _Kept:
    """A file object of somebody else's, that close() leaves open."""

    def __init__(self, file: BinaryIO) -> None:
        self.read, self.seek, self.tell = file.read, file.seek, file.tell

    def close(self) -> None:
        """Nothing: the file is the caller's."""


def _counted(file: "BinaryIO | _Kept", start: int, count: Count | None) -> BinaryIO:
    return cast(BinaryIO, _Counted(cast(BinaryIO, file), start, count or (lambda _read: None)))


def _name_of(file: BinaryIO) -> str:
    """The name of a file object that has one: open() gives a path, a temporary file a number."""
    name = getattr(file, "name", None)
    return os.fsencode(Path(name).name).decode("utf-8", "replace") if isinstance(name, str) and name else "image"


def _spooled(file: BinaryIO) -> BinaryIO:
    """A copy of a file that cannot seek, so that it can be sent once more."""
    kept = cast(BinaryIO, tempfile.SpooledTemporaryFile(SPOOLED_BYTES))  # noqa: SIM115 - it lasts as long as its source
    shutil.copyfileobj(file, kept)
    kept.seek(0)
    return kept
