"""Which source files changed, for reload during development."""

import contextlib
from pathlib import Path

FOLDERS = ("jobs", "host", "stores", "broker", "web", "worker")
SUFFIXES = (".py", ".sql", ".html", ".css", ".js", ".toml")


class Watch:
    """The source files of the roles below the working folder, as they were when last looked at."""

    def __init__(self) -> None:
        self._seen = _changed_at()

    def changed(self) -> bool:
        """Whether a file came, went or was written since the last call."""
        seen, self._seen = self._seen, _changed_at()
        return seen != self._seen


def _changed_at() -> dict[Path, int]:
    found = {}
    for file in [Path("recipes.toml"), *(file for folder in FOLDERS for file in Path(folder).rglob("*"))]:
        if file.suffix in SUFFIXES:
            with contextlib.suppress(FileNotFoundError):  # an editor's temporary file, or no recipes.toml
                found[file] = file.stat().st_mtime_ns
    return found
