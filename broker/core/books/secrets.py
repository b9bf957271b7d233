"""The key.secret of the web processes, by their digests: unequal ones make two jobs of one repeated upload.

Owns how long a digest counts, and how many are kept. Pure: `now` is an argument.
"""

HEARD_SECONDS = 600.0
"""A host that was mended is forgotten after this time."""
HEARD_MAX = 16


class Secrets:
    """Which digests came with Submits lately."""

    def __init__(self) -> None:
        self._heard: dict[str, float] = {}
        """When each was heard last; the one that was heard last is last."""

    def heard(self, digest: str, now: float) -> None:
        """A Submit had it; "" is of a web process of the release before."""
        if not digest:
            return
        self._heard.pop(digest, None)
        self._heard[digest] = now
        if len(self._heard) > HEARD_MAX:
            del self._heard[next(iter(self._heard))]

    def count(self, now: float) -> int:
        """How many different ones were heard within HEARD_SECONDS."""
        return sum(at > now - HEARD_SECONDS for at in self._heard.values())
