"""Which source files changed, for reload during development."""

import contextlib
from math import inf
from pathlib import Path

FOLDERS = ("jobs", "host", "stores", "broker", "web", "worker")
LOOK_SECONDS = 0.5
SUFFIXES = (".py", ".sql", ".html", ".css", ".js", ".toml")


class Watch:
    """The source files of the roles below the working folder, as of the last look; with `on` false it never looks.
    `seconds`: how often to call `changed`."""

    def __init__(self, on: bool) -> None:
        self._on = on
        self.seconds = LOOK_SECONDS if on else inf
        self._seen = self._look()

    def changed(self) -> list[str]:
        """The files that came, went or were written since the last call."""
        seen, self._seen = self._seen, self._look()
        return sorted({str(file) for file, _ in seen.items() ^ self._seen.items()})

    def _look(self) -> dict[Path, int]:
        return _changed_at() if self._on else {}


def _changed_at() -> dict[Path, int]:
    found = {}
    for file in [Path("recipes.toml"), *(file for folder in FOLDERS for file in Path(folder).rglob("*"))]:
        if file.suffix in SUFFIXES:
            with contextlib.suppress(FileNotFoundError):  # an editor's temporary file, or no recipes.toml
                found[file] = file.stat().st_mtime_ns
    return found
