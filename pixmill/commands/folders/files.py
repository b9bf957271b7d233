"""Which files an upload means: files, the pictures in folders, and standard input. Speaks to no server."""

import hashlib
import os
import sys
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

from pixmill.core.watching import Form

_OF_PICTURES = "jpg jpeg jpe jfif png apng webp avif avifs gif tif tiff bmp dib heic heif hif"
EXTENSIONS = frozenset(f".{each}" for each in _OF_PICTURES.split(" "))
"""Of the files that are taken of a folder. A file that is named itself may be called anything."""
STDIN = Path("-")


@dataclass(frozen=True)
class Picked:
    """A file to upload. `folder`: where it lies below the folder that was named. `data`: standard input's bytes.
    `form`: that of the file that is meant; another one under its name is not."""

    path: Path
    folder: Path = Path()
    data: bytes | None = None
    form: Form | None = None

    @property
    def name(self) -> str:
        """The name that its job gets."""
        return os.fsencode(self.path.name).decode("utf-8", "replace")

    @property
    def size(self) -> int:
        """Bytes. Raises OSError."""
        return self.path.stat().st_size if self.data is None else len(self.data)

    def digest(self) -> str:
        """The SHA-256 of its bytes. Raises OSError, also for a pipe, a device, or another file than the one meant."""
        if self.data is not None:
            return hashlib.sha256(self.data).hexdigest()
        if self.path.exists() and not (self.path.is_file() or self.path.is_dir()):
            raise OSError("this is no regular file")
        with self.path.open("rb") as file:
            digest = hashlib.file_digest(file, "sha256").hexdigest()
        if self.form is not None and form_of(self.path.lstat()) != self.form:
            raise OSError("this file was written anew while it was read")
        return digest


def form_of(told: os.stat_result) -> Form:
    """The form of a file of which the system tells this."""
    return told.st_size, told.st_mtime_ns


def picked(named: Sequence[Path], name: str | None, out: Path | None) -> tuple[list[Picked], int]:
    """The files that are meant, each once, and how many others lie in the folders. What lies in `out` is not meant:
    an earlier upload saved it there. `name`: that of standard input."""
    found: dict[str, Picked] = {}
    others = 0
    for path in named:
        if path == STDIN:
            found["-"] = Picked(Path(name or "stdin"), data=sys.stdin.buffer.read())
            continue
        for each in _within(path, out) if path.is_dir() else [Picked(path)]:
            if each.path == path or each.path.suffix.lower() in EXTENSIONS:
                found.setdefault(os.path.abspath(each.path), each)
            else:
                others += 1
    return list(found.values()), others


def _within(top: Path, out: Path | None) -> Iterator[Picked]:
    """The files below a folder, in the order of their names, without hidden ones."""
    kept = None if out is None else os.path.abspath(out)
    for folder, folders, names in os.walk(top):
        folders[:] = [each for each in _shown(folders) if os.path.abspath(Path(folder, each)) != kept]
        if os.path.abspath(folder) != kept:
            yield from (Picked(Path(folder, each), Path(folder).relative_to(top)) for each in _shown(names))


def _shown(names: Iterable[str]) -> list[str]:
    return sorted(name for name in names if not name.startswith("."))
