"""Reads files of the log: whole, merged by time, and then what is appended to them.

Owns the files' descriptors. Memory is bounded: a line of each file at a time. Decides nothing about a line.
"""

import heapq
import os
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import BinaryIO

from pixmill.commands.logfiles.lines import LINE_CHARACTERS_MAX, Line, parsed

FORMER = ".1"
"""What a file is called after it was renamed: its lines came before."""
FOLLOW_SECONDS = 0.5


class Unread:
    """How many lines were none of the log."""

    def __init__(self) -> None:
        self.count = 0


class Source:
    """The lines of one file, or of standard input."""

    def __init__(self, file: BinaryIO, unread: Unread, path: Path | None = None) -> None:
        self._file, self._unread, self._path = file, unread, path
        self._begun = b""
        """The beginning of a line whose end was not written yet."""

    def lines(self, *, last: bool = True) -> Iterator[Line]:
        """The lines from here to the end; `last`: one without an end is one, too."""
        while piece := self._file.readline(LINE_CHARACTERS_MAX):
            whole = self._begun + piece
            if not piece.endswith(b"\n"):
                self._begun = whole[: LINE_CHARACTERS_MAX + 1]  # so long that it is no line
                continue
            self._begun = b""
            yield from self._line(whole)
        if last and self._begun:
            whole, self._begun = self._begun, b""
            yield from self._line(whole)

    def appended(self) -> Iterator[Line]:
        """What was written since, also into a new file that has the name by now."""
        yield from self.lines(last=False)
        if self._path is not None and _place(self._path) not in (None, _place_of(self._file)):
            yield from self.lines()
            self._file.close()
            self._file = self._path.open("rb")
            yield from self.lines(last=False)

    def close(self) -> None:
        """Close the file, if it is ours."""
        if self._path is not None:
            self._file.close()

    def _line(self, data: bytes) -> Iterator[Line]:
        if not data.strip():
            return
        line = parsed(data.decode("utf-8", "replace"))
        if line is None:
            self._unread.count += 1
        else:
            yield line


class Reading:
    """Files and perhaps standard input, open until `close`. A file that was renamed to the same name with .1 is read
    before it. `unread`: how many lines were none of the log. Raises OSError."""

    def __init__(self, paths: list[Path], stdin: BinaryIO | None = None) -> None:
        self._unread = Unread()
        older = [Path(f"{path}{FORMER}") for path in paths]
        self._older = [self._opened(path) for path in older if path.exists() and path not in paths]
        self._sources = [self._opened(path) for path in paths]
        if stdin is not None:
            self._sources.append(Source(stdin, self._unread))

    def __enter__(self) -> "Reading":
        return self

    def __exit__(self, *_: object) -> None:
        for source in (*self._older, *self._sources):
            source.close()

    @property
    def unread(self) -> int:
        """How many lines were none of the log."""
        return self._unread.count

    def lines(self) -> Iterator[Line]:
        """All lines that are there, in the order of time as far as each file has that."""
        return heapq.merge(*(source.lines() for source in (*self._older, *self._sources)), key=lambda line: line.at)

    def followed(self, pause: Callable[[float], None]) -> Iterator[Line]:
        """What is appended from now on, for ever."""
        while True:
            yield from sorted((line for each in self._sources for line in each.appended()), key=lambda line: line.at)
            pause(FOLLOW_SECONDS)

    def _opened(self, path: Path) -> Source:
        return Source(path.open("rb"), self._unread, path)


def _place(path: Path) -> tuple[int, int] | None:
    try:
        found = path.stat()
    except FileNotFoundError:
        return None
    return found.st_dev, found.st_ino


def _place_of(file: BinaryIO) -> tuple[int, int]:
    found = os.fstat(file.fileno())
    return found.st_dev, found.st_ino
