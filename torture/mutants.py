"""Seeded mutations of good messages: bytes flipped, cut, spliced and repeated, and values swapped for extreme ones
inside an intact frame (for torture/frames.py). Owns no socket.
"""

import random
from collections.abc import Sequence
from typing import Any

import msgspec

EXTREMES: tuple[Any, ...] = (
    None, True, "", b"", [], {}, 0, -1, 2**31, 2**53, 2**63 - 1, 2**63, 2**64 - 1, -(2**63), 0.5, -1.0, 1e308,
    float("inf"), float("-inf"), float("nan"), "\0", "../../x", "\u202e", "x" * 5000, b"\xff" * 5000,
    [[[[]]]], {"a": []},
)  # fmt: skip


class Mutator:
    """Makes mutants of `good` frames, the same ones for the same seed. `framed`: the frames are msgpack."""

    def __init__(self, seed: int, good: Sequence[bytes], *, framed: bool = True) -> None:
        self._random, self._good = random.Random(seed), list(good)
        self._ways = [
            self._flipped,
            self._cut,
            self._spliced,
            self._repeated,
            self._noisy,
            *[self._swapped] * 4 * framed,
        ]

    def next(self) -> bytes:
        """One mutant: one change, or a few."""
        frame = self._random.choice(self._good)
        for _ in range(self._random.choice((1, 1, 1, 2, 4))):
            frame = self._random.choice(self._ways)(frame)
        return frame

    def _at(self, frame: bytes) -> int:
        return self._random.randrange(len(frame) + 1)

    def _flipped(self, frame: bytes) -> bytes:
        changed = bytearray(frame or b"\0")
        for _ in range(self._random.randint(1, 8)):
            changed[self._random.randrange(len(changed))] ^= 1 << self._random.randrange(8)
        return bytes(changed)

    def _cut(self, frame: bytes) -> bytes:
        start, end = sorted((self._at(frame), self._at(frame)))
        return self._random.choice((frame[:start], frame[:start] + frame[end:]))

    def _spliced(self, frame: bytes) -> bytes:
        other = self._random.choice(self._good)
        return frame[: self._at(frame)] + other[self._at(other) :]

    def _repeated(self, frame: bytes) -> bytes:
        start, end = sorted((self._at(frame), self._at(frame)))
        return frame[:end] + frame[start:end] * self._random.randint(1, 50) + frame[end:]

    def _noisy(self, frame: bytes) -> bytes:
        at = self._at(frame)
        return frame[:at] + self._random.randbytes(self._random.randint(1, 30)) + frame[at:]

    def _swapped(self, frame: bytes) -> bytes:
        """Replace one value at any depth by another. A frame that is not msgpack gets flipped bits instead."""
        try:
            value = msgspec.msgpack.decode(frame)
        except (msgspec.DecodeError, UnicodeDecodeError, RecursionError):
            return self._flipped(frame)
        holder, key = self._place(value)
        if holder is None:
            return self._flipped(frame)
        kind = self._random.randrange(4)
        if kind == 0 and isinstance(holder, list):
            holder.append(holder[key])
        elif kind == 1:
            del holder[key]
        else:
            holder[key] = self._random.choice(EXTREMES)
        return msgspec.msgpack.encode(value)

    def _place(self, value: Any) -> tuple[Any, Any]:
        """A random container within `value`, and one of its keys. All depths are equally likely."""
        holder, key = None, None
        while isinstance(value, list | dict) and value:
            keys = list(value) if isinstance(value, dict) else range(len(value))
            holder, key = value, self._random.choice(keys)
            value = value[key]
            if self._random.random() < 0.1:
                break
        return holder, key
