"""A file of receipts, one a line: each on disk before the next upload begins. Knows no server."""

import os
from pathlib import Path
from types import TracebackType
from typing import Self


class ReceiptFile:
    """Receipts are appended to the file at `path`, which is made if missing. Raises OSError."""

    def __init__(self, path: Path) -> None:
        made = not path.exists()
        self._file = path.open("ab+")
        if made:
            _sync_folder(path.absolute().parent)
        elif self._file.tell():
            self._file.seek(-1, os.SEEK_END)
            if self._file.read(1) != b"\n":
                self._file.write(b"\n")  # a line that a crash cut short stays alone

    def append(self, receipt: str) -> None:
        """Write one receipt; on return it is on disk."""
        self._file.write(receipt.encode() + b"\n")
        self._file.flush()
        os.fsync(self._file.fileno())

    def __enter__(self) -> Self:
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, at: TracebackType | None) -> None:
        self._file.close()


def read(path: Path) -> list[str]:
    """The receipts in a file; what is no text is kept as what it is not, to be found forged. Raises OSError."""
    lines = path.read_text(encoding="utf-8", errors="replace").split("\n")
    return [line.strip() for line in lines if line.strip()]


def _sync_folder(folder: Path) -> None:
    descriptor = os.open(folder, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)
