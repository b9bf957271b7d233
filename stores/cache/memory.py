"""The result cache in memory, for tests. `broken` makes every call fail as a cache does: silently."""


class MemoryCache:
    """A Cache over a dict."""

    def __init__(self) -> None:
        self.values: dict[str, bytes] = {}
        self.broken = False

    def get(self, key: str) -> bytes | None:
        return None if self.broken else self.values.get(key) or None

    def put(self, key: str, value: bytes) -> None:
        if not self.broken:
            self.values[key] = value

    def drop(self, key: str) -> None:
        if not self.broken:
            self.values.pop(key, None)

    def failing(self) -> str:
        return "broken" if self.broken else ""
