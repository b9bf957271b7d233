"""Reads the lines of one job back from the file of LOG_PATH: a bounded part of its end, and the newest lines of it.

Owns no descriptor beyond a call. Knows no role.
"""

import json
import os
from collections import deque
from pathlib import Path
from typing import Any, NamedTuple

from host.log.file import former
from host.log.lines import LINE_BYTES_MAX

SCANNED_BYTES_MAX = 16 * 1024 * 1024
"""Bytes of the file's end, and of the former file, that are looked at. It takes 0.15 s."""
LINES_MAX = 200


class Found(NamedTuple):
    """Lines in the order of time. `complete`: no older line of the job can be in the files."""

    lines: list[dict[str, Any]]
    complete: bool


def lines_of(path: str, job: str, bytes_max: int = SCANNED_BYTES_MAX, lines_max: int = LINES_MAX) -> Found:
    """The newest lines with `job` as their job. Raises OSError if there is no file."""
    kept: deque[dict[str, Any]] = deque(maxlen=lines_max)
    before, size = Path(former(path)), os.path.getsize(path)
    is_whole, count = size <= bytes_max, 0
    if is_whole and before.exists():
        older_max = bytes_max - size
        is_whole = before.stat().st_size <= older_max
        count += _scan(before, job, older_max, kept)
    count += _scan(Path(path), job, bytes_max, kept)
    lines = sorted(kept, key=lambda line: str(line.get("at", "")))
    return Found(lines, is_whole and count <= lines_max)


def _scan(path: Path, job: str, bytes_max: int, kept: deque[dict[str, Any]]) -> int:
    """Keep the lines of the job among the last bytes of a file. Returns how many there were."""
    needle, count = json.dumps(job).encode(), 0
    with path.open("rb") as file:
        begin = os.fstat(file.fileno()).st_size - bytes_max
        if begin > 0:
            file.seek(begin)
            file.readline(LINE_BYTES_MAX)  # the rest of a line
        while data := file.readline(LINE_BYTES_MAX + 1):
            if needle in data and (line := _line(data)) is not None and line.get("job") == job:
                kept.append(line)
                count += 1
    return count


def _line(data: bytes) -> dict[str, Any] | None:
    try:
        line = json.loads(data)
    except (ValueError, RecursionError):
        return None
    return line if isinstance(line, dict) else None
