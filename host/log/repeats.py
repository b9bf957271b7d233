"""How often the same line may be written: the first ones of a window of time, and then the number of the others.

Pure: `now` is an argument. Knows no logger. Memory is bounded: at most KEYS_MAX keys, and then one key for all others.
"""

from collections.abc import Hashable, Iterator
from dataclasses import dataclass

KEYS_MAX = 1000


@dataclass(slots=True)
class _Window:
    """The lines of one key since `began` (seconds)."""

    began: float
    seconds: float
    said: int = 0
    held: int = 0


class Repeats:
    """Says of each line whether to write it. What was held back is counted, and told by `due` when its window ends."""

    def __init__(self, keys_max: int = KEYS_MAX) -> None:
        self._keys_max = keys_max
        self._windows: dict[Hashable, _Window] = {}
        self._due_at = float("inf")

    def admits(self, key: Hashable, lines: int, seconds: float, now: float, other: Hashable = None) -> bool:
        """Whether one more line of `key` may be written at `now`: the first `lines` in a window of `seconds`. With
        too many keys, the line counts as one of the key `other`. Call `due` before."""
        window = self._windows.get(key)
        if window is None:
            if len(self._windows) >= self._keys_max and key != other:
                return self.admits(other, lines, seconds, now, other)
            window = self._windows[key] = _Window(now, seconds)
            self._due_at = min(self._due_at, now + seconds)
        if window.said < lines:
            window.said += 1
            return True
        window.held += 1
        return False

    def due(self, now: float) -> Iterator[tuple[Hashable, int]]:
        """The keys whose windows are over at `now`, and how many lines of each were held back, if there were some."""
        if now < self._due_at:
            return
        over = [key for key, window in self._windows.items() if now >= window.began + window.seconds]
        ended = [(key, self._windows.pop(key).held) for key in over]
        self._due_at = min((each.began + each.seconds for each in self._windows.values()), default=float("inf"))
        yield from ((key, held) for key, held in ended if held)

    def rest(self) -> Iterator[tuple[Hashable, int]]:
        """All that is held back, at the end."""
        yield from self.due(float("inf"))
