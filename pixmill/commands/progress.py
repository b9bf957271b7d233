"""The bars of an upload on a terminal: bytes up, jobs done, and how long it will take. On stderr, and nowhere else."""

import sys
from collections.abc import Sequence
from types import TracebackType
from typing import Self

from rich.console import Console
from rich.progress import BarColumn, Progress, TextColumn, TimeRemainingColumn

from pixmill.commands.folders.files import Picked


class Bars:
    """Two bars over all files; nothing where `console` is no terminal or nobody is to see them."""

    def __init__(self, console: Console, files: Sequence[Picked], *, shown: bool, word: str) -> None:
        columns = (
            TextColumn("{task.description}"),
            BarColumn(),
            TextColumn("{task.fields[so_far]}"),
            TimeRemainingColumn(),
        )
        shown = shown and console.is_terminal
        self._bars = Progress(*columns, console=console, disable=not shown, redirect_stdout=sys.stdout.isatty())
        self._sizes = {id(file): _size(file) for file in files}
        self._total = sum(self._sizes.values())
        self._counted: dict[int, int] = {}
        self._up, self._told = 0, 0
        self._bytes = self._bars.add_task("bytes up", total=self._total, so_far="")
        self._jobs = self._bars.add_task(word, total=len(files), so_far="")

    def sent(self, file: Picked, count: int) -> None:
        """So many bytes of the file are up. A file that is sent again begins at 0."""
        count = min(count, self._sizes[id(file)])
        self._up += count - self._counted.get(id(file), 0)
        self._counted[id(file)] = count
        so_far = f"{self._up / 1e6:.1f} of {self._total / 1e6:.1f} MB"
        self._bars.update(self._bytes, completed=self._up, so_far=so_far)

    def told(self, file: Picked) -> None:
        """One more file is told."""
        self.sent(file, self._sizes[id(file)])
        self._told += 1
        self._bars.update(self._jobs, completed=self._told, so_far=f"{self._told} of {len(self._sizes)}")

    def __enter__(self) -> Self:
        self._bars.start()
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, at: TracebackType | None) -> None:
        self._bars.stop()


def _size(file: Picked) -> int:
    try:
        return file.size
    except OSError:
        return 0
