"""The result cache: results by content, so that equal work is done once. Owns no driver.

Losing it costs time only: every failure is a miss, and nothing here raises.
"""

from typing import Protocol


class Cache(Protocol):
    """Small values by key (hex)."""

    def get(self, key: str) -> bytes | None:
        """The value, or None for a miss or any failure."""

    def put(self, key: str, value: bytes) -> None:
        """Keep the value, if it can be kept."""

    def drop(self, key: str) -> None:
        """Forget the value, if there is one."""

    def failing(self) -> str:
        """Why the last calls failed, in a few words without any address; empty while they do not."""
