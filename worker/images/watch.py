"""How long the parts of a rendition take: of decoding, of the operations, of encoding.

Knows no image.
"""

import contextlib
from collections.abc import Iterator
from time import perf_counter
from typing import NamedTuple


class Spent(NamedTuple):
    """Seconds of decoding (with the first rendition), of the operations, and of encoding. The frames of an animation
    are decoded within the operations."""

    decode: float = 0.0
    operate: float = 0.0
    encode: float = 0.0

    def plus(self, other: "Spent") -> "Spent":
        """Both together."""
        return Spent(self.decode + other.decode, self.operate + other.operate, self.encode + other.encode)


NOTHING = Spent()


class Watch:
    """Tells the time of one rendition, from now on."""

    def __init__(self) -> None:
        self._began = perf_counter()
        self._encoding = 0.0

    @contextlib.contextmanager
    def encoding(self) -> Iterator[None]:
        """The time within is that of encoding."""
        began = perf_counter()
        try:
            yield
        finally:
            self._encoding += perf_counter() - began

    def spent(self) -> Spent:
        """Until now."""
        return Spent(0.0, perf_counter() - self._began - self._encoding, self._encoding)
