"""What earlier uploads of this user made: which job each file became, and whether its end was told.

A second `pixmill upload` of the same files sends nothing twice, also after a day, when the server has forgotten the
Idempotency-Keys. The file is $XDG_STATE_HOME/pixmill/uploads.sqlite3. It may be deleted: then the files are sent again,
and within a day the server still makes no second job of them. Knows no server and no image.
"""

import hashlib
import json
import os
import sqlite3
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from types import TracebackType
from typing import Any, Self

KEPT_SECONDS = 30 * 86400.0
_TABLE = "CREATE TABLE IF NOT EXISTS uploads (key TEXT PRIMARY KEY, job TEXT, at REAL, told INTEGER, saved TEXT)"


@dataclass(frozen=True)
class Known:
    """The job that a file became. `told`: its end was. `saved`: the files that were made of its renditions."""

    job: str
    told: bool = False
    saved: tuple[str, ...] = field(default=())


class State:
    """The memory of earlier uploads. Processes may share the file. Raises OSError where it cannot be kept."""

    def __init__(self, path: Path | None = None) -> None:
        try:
            path = path or _default()
            path.parent.mkdir(parents=True, exist_ok=True, mode=0o700)
            self._base = sqlite3.connect(path, timeout=10.0, isolation_level=None)
            self._base.execute("PRAGMA journal_mode=WAL")
            self._base.execute("PRAGMA synchronous=NORMAL")
            self._base.execute(_TABLE)
            self._base.execute("DELETE FROM uploads WHERE at < ?", (time.time() - KEPT_SECONDS,))
        except (sqlite3.Error, OSError, RuntimeError) as fault:  # RuntimeError: this user has no home
            raise OSError(f"uploads are not remembered ({fault}): set XDG_STATE_HOME to a folder of yours") from None

    def known(self, key: str) -> Known | None:
        """What the file of this key became."""
        row = self._base.execute("SELECT job, told, saved FROM uploads WHERE key = ?", (key,)).fetchone()
        return None if row is None else Known(row[0], bool(row[1]), tuple(json.loads(row[2])))

    def keep(self, key: str, known: Known) -> None:
        """The file of this key became that job."""
        row = (key, known.job, time.time(), known.told, json.dumps(known.saved))
        self._base.execute("INSERT OR REPLACE INTO uploads VALUES (?, ?, ?, ?, ?)", row)

    def __enter__(self) -> Self:
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, at: TracebackType | None) -> None:
        self._base.close()


def remembered(say: Callable[[str], object]) -> State:
    """The memory of this user; where it cannot be kept, `say` is told, and it lasts as long as this process."""
    try:
        return State()
    except OSError as fault:
        say(str(fault))
        return State(Path(":memory:"))


def key_of(url: str, asked: Mapping[str, Any], name: str, digest: str) -> str:
    """The Idempotency-Key of a file: the same for the same bytes under the same name, of which the same is asked."""
    parts = [url, dict(sorted(asked.items())), name, digest]
    return hashlib.sha256(json.dumps(parts).encode("utf-8", "surrogatepass")).hexdigest()


def key_after(key: str, gone: str) -> str:
    """The key for the same file, once the job that it became is gone."""
    return hashlib.sha256(f"{key}{gone}".encode()).hexdigest()


def _default() -> Path:
    home = os.environ.get("XDG_STATE_HOME") or "~/.local/state"
    return Path(home).expanduser() / "pixmill" / "uploads.sqlite3"
