"""When a file of a watched folder is complete: its size and time have not changed for a while. Pure."""

from collections.abc import Mapping

SETTLED_SECONDS = 2.0
"""A file that did not change for this long is complete: a program that writes one does not pause longer."""
Form = tuple[int, int]
"""A file's size and the time of its last write, in nanoseconds."""


class Watched:
    """The files of one folder, and since when (monotonic seconds) each has its present form."""

    def __init__(self, settled_seconds: float = SETTLED_SECONDS) -> None:
        self._settled_seconds = settled_seconds
        self._since: dict[str, tuple[Form, float]] = {}

    def look(self, forms: Mapping[str, Form], now: float) -> list[str]:
        """The names that are complete, of the files that are there now."""
        before = self._since
        self._since = {
            name: before[name] if name in before and before[name][0] == form else (form, now)
            for name, form in forms.items()
        }
        return [name for name, (_, since) in self._since.items() if now >= since + self._settled_seconds]

    def again(self, name: str, now: float) -> None:
        """Wait for this file anew: it could not be sent now."""
        if name in self._since:
            self._since[name] = (self._since[name][0], now)
