"""Well-formed messages at their bounds: the longest texts, the longest lists, the largest numbers that a reader takes
(for torture/frames.py and tests/hostile). Made of the types in jobs/wire/ themselves. Owns no socket.
"""

import random
from collections.abc import Iterable
from typing import Any

from msgspec import inspect

from jobs import wire
from jobs.job import Code
from jobs.trace import TRACE_CHARACTERS_MAX

FRAME_ROOM = wire.FRAME_BYTES_MAX - 256 * 1024
"""Less than a frame, because the last item may exceed it: a job's Finish has 100 kB."""
ROOMS = (*[4_000] * 90, *[60_000] * 9, FRAME_ROOM)
"""Bytes for the lists of a message, chosen at random. Large ones are rare: a frame of 4 MB costs as much as 200 frames
with long texts and short lists."""
LEASES = (0, 1, 1, 1, 2, 3, 2**53, 2**63 - 1)
_WIDEST = "\U0001f5bc"
"""One character, as the bounds count, with four bytes in UTF-8."""


_TRACE = f"00-{'a' * 32}-{'b' * 16}-01 ".ljust(TRACE_CHARACTERS_MAX, "c")


class Extremes:
    """Makes messages at their bounds, the same ones for the same seed. `pool`: texts that are used wherever they fit,
    such as ids of existing jobs. All other texts are as long as allowed."""

    def __init__(self, seed: int, pool: Iterable[str]) -> None:
        self.random, self.pool = random.Random(seed), list(pool)
        self._bytes = 0

    def message(self, kind: type[Any], room: int = FRAME_ROOM) -> Any:
        """A message of this kind: its lists take what their bounds, or `room` bytes, allow."""
        self._bytes = room
        return self._value(inspect.type_info(kind), "")

    def _value(self, kind: inspect.Type, name: str) -> Any:
        match kind:
            case inspect.StrType(pattern=str()):
                most = kind.max_length or 0
                return self._spend_text(_TRACE if most == TRACE_CHARACTERS_MAX else "a" * most)
            case inspect.StrType():
                return self._text(kind.max_length or 0, name)
            case inspect.BytesType():
                value = self.random.randbytes(self.random.choice((1, kind.max_length or 0)))
                self._bytes -= len(value)
                return value
            case inspect.ListType():
                return self._list(kind, name)
            case inspect.VarTupleType():
                return tuple(self._value(kind.item_type, name) for _ in range(kind.max_length or 0))
            case inspect.DictType():
                return self._dict(kind)
            case inspect.StructType():
                return kind.cls(**{field.name: self._value(field.type, field.name) for field in kind.fields})
            case inspect.TupleType():
                return tuple(self._value(item, name) for item in kind.item_types)
            case inspect.UnionType():
                return self._value(self.random.choice(kind.types), name)
            case inspect.NoneType():
                return None
            case inspect.BoolType():
                return self.random.random() < 0.5
            case inspect.FloatType():
                return self.random.choice((kind.ge or 0.0, max(kind.ge or 0.0, 0.05), kind.le or 1.0))
            case inspect.IntType():
                return self._number(kind, name)
        raise AssertionError(f"no value of {kind}")

    def _number(self, kind: inspect.IntType, name: str) -> int:
        if kind.lt is not None:
            return int(self.random.randrange(int(kind.lt)))
        if kind.le is not None:
            return int(self.random.choice((kind.ge or 0, 1, kind.le)))
        return self.random.choice(LEASES)

    def _text(self, most: int, name: str) -> str:
        if name == "code" and self.random.random() < 0.8:
            return str(self.random.choice(list(Code)).value)
        if name not in ("web", "request") and self.random.random() < 0.7:
            fits = [text for text in self.pool if len(text) <= most]
            if fits:
                return self._spend_text(self.random.choice(fits))
        mark = f"{self.random.getrandbits(40):x}"[:most]
        return self._spend_text(self.random.choice(("x", _WIDEST)) * (most - len(mark)) + mark)

    def _list(self, kind: inspect.ListType, name: str) -> list[Any]:
        """A list up to its bound, or until the bytes are used up; seldom a short one."""
        most = kind.max_length or 0
        if self.random.random() < 0.1:
            most = min(most, 1)
        made: list[Any] = []
        while len(made) < most and (not made or self._bytes > 0):
            made.append(self._value(kind.item_type, name))
            self._bytes -= 16
        return made

    def _dict(self, kind: inspect.DictType) -> dict[Any, Any]:
        made = {}
        for _ in range(kind.max_length or 0):
            if self._bytes <= 0:
                break
            made[self._value(kind.key_type, "")] = self._value(kind.value_type, "")
            self._bytes -= 16
        return made

    def _spend_text(self, value: str) -> str:
        self._bytes -= len(value.encode())
        return value


def unbounded(kind: type[Any]) -> list[str]:
    """The fields of a message that have no bound: texts, bytes, lists, and floats."""
    found: list[str] = []
    _look(inspect.type_info(kind), kind.__name__, found)
    return found


def _look(kind: inspect.Type, place: str, found: list[str]) -> None:
    match kind:
        case inspect.StrType() | inspect.BytesType():
            found += [] if kind.max_length is not None else [place]
        case inspect.FloatType():
            found += [] if kind.ge is not None and kind.le is not None else [place]
        case inspect.ListType() | inspect.VarTupleType():
            found += [] if kind.max_length is not None else [place]
            _look(kind.item_type, f"{place}[]", found)
        case inspect.DictType():
            found += [] if kind.max_length is not None else [place]
            _look(kind.key_type, f"{place}.key", found)
            _look(kind.value_type, f"{place}.value", found)
        case inspect.TupleType():
            for number, item in enumerate(kind.item_types):
                _look(item, f"{place}[{number}]", found)
        case inspect.UnionType():
            for item in kind.types:
                _look(item, place, found)
        case inspect.StructType():
            for field in kind.fields:
                _look(field.type, f"{place}.{field.name}", found)
        case inspect.BoolType() | inspect.IntType() | inspect.NoneType():
            pass
        case _:
            found.append(f"{place} is {type(kind).__name__}")
