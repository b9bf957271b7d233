"""Serialises the whole core, and restores it: a replay begins from a snapshot.

It visits every object of the core from the dispatcher on, field by field, so a new field needs no change here. An
object that is referred to from two places is one object again after the restore. Snapshots are taken between turns
only, when the books of one turn (Books.clear) are empty.

It writes columns, not objects: one field of 10,000 jobs is one list. That costs a tenth of 10,000 visits. Equal cores
give equal bytes.
"""

import sys
from collections import Counter, OrderedDict, deque
from collections.abc import Iterable, Iterator
from enum import Enum
from itertools import chain, islice
from operator import attrgetter
from typing import Any, cast

import msgspec

from broker.core.dispatcher import Dispatcher

PLAIN = frozenset({type(None), bool, int, float, str, bytes})
NOTHING = frozenset({type(None)})
CONTAINERS: dict[str, type] = {
    kind.__name__: kind for kind in (list, deque, set, dict, OrderedDict, Counter)
}  # fmt: skip
OURS = ("broker.core.", "jobs.")
"""The modules whose classes a snapshot may hold."""

Column = list[Any]
"""A list of values in its written form: the name of the method that reads it, then that method's arguments."""


def snapshot(dispatcher: Dispatcher) -> bytes:
    """The whole state of `dispatcher`. Raises TypeError if it holds anything that is not plain data."""
    writer = _Writer()
    writer.column([dispatcher])
    return msgspec.msgpack.encode(list(writer.blocks()))


def from_snapshot(data: bytes) -> Dispatcher:
    """A dispatcher in the state of the snapshot. Raises ValueError, TypeError, LookupError or AttributeError if the
    bytes are not a snapshot of this version of the core."""
    reader = _Reader()
    blocks = msgspec.msgpack.decode(data)
    for name, names, columns, count in blocks:
        reader.objects.setdefault(name, []).extend(_made(_kind(name), names, columns, count))
    reader.fill(blocks)
    return cast(Dispatcher, reader.objects[_name(Dispatcher)][0])


class _Writer:
    """Numbers the core's objects by class, in the order in which it finds them."""

    def __init__(self) -> None:
        self._objects: dict[type, list[Any]] = {}
        self._numbers: dict[int, int] = {}

    def blocks(self) -> Iterator[list[Any]]:
        """The fields of every object that was found, by class. Fields may refer to further objects: these follow."""
        written: dict[type, int] = {}
        while waiting := [kind for kind, found in self._objects.items() if len(found) > written.get(kind, 0)]:
            for kind in waiting:
                fresh = self._objects[kind][written.get(kind, 0) :]
                written[kind] = len(self._objects[kind])
                if issubclass(kind, msgspec.Struct):
                    yield [_name(kind), [], fresh, len(fresh)]
                    continue
                names = fields(fresh[0])
                columns = [self.column(list(map(attrgetter(name), fresh))) for name in names]
                yield [_name(kind), names, columns, len(fresh)]

    def column(self, values: list[Any]) -> Column:
        """One field of many objects, in the shortest form that its types allow."""
        kinds = set(map(type, values))
        if kinds <= PLAIN:
            return ["plain", values]
        whole = type(None) not in kinds
        kind = (kinds - NOTHING).pop()
        contained = kind is tuple or kind.__name__ in CONTAINERS
        if len(kinds) + whole > 2 or (contained and not whole):
            return ["mixed", [self.column([value]) for value in values]]
        if contained:
            return self._contained(kind, values)
        if issubclass(kind, Enum):
            return ["enum", _name(kind), values]
        return ["object", _name(kind), self._numbered(kind, values, whole)]

    def _contained(self, kind: type, values: list[Any]) -> Column:
        lengths = list(map(len, values))
        if kind is tuple and len(set(lengths)) == 1:
            return ["tuple", len(values), [self.column(list(place)) for place in zip(*values, strict=True)]]
        if kind is tuple:
            return ["mixed", [self.column([value]) for value in values]]
        if issubclass(kind, dict):
            keys = self.column(list(chain.from_iterable(values)))
            return ["dict", kind.__name__, lengths, keys, self.column(_flat(value.values() for value in values))]
        items = _flat(map(sorted, values) if kind is set else values)
        return ["list", kind.__name__, lengths, self.column(items)]

    def _numbered(self, kind: type, values: list[Any], whole: bool) -> list[int | None]:
        met, known = self._objects.setdefault(kind, []), self._numbers
        ids = list(map(id, values))
        numbers = list(map(known.get, ids))
        if None not in numbers:
            return numbers
        if not met and whole and len(set(ids)) == len(ids):  # thousands at once
            known.update(zip(ids, range(len(ids)), strict=True))
            met.extend(values)
            return list(range(len(met)))
        for place, value in enumerate(values):
            if value is not None:
                numbers[place] = number = known.setdefault(ids[place], len(met))
                if number == len(met):
                    met.append(value)
        return numbers


class _Reader:
    """Reads the columns back into values."""

    def __init__(self) -> None:
        self.objects: dict[str, list[Any]] = {}

    def fill(self, blocks: list[Any]) -> None:
        """Give every object its fields."""
        filled: dict[str, int] = {}
        for name, names, columns, count in blocks:
            start = filled.get(name, 0)
            filled[name] = start + count
            for field, column in zip(names, columns if names else [], strict=True):
                for value, owner in zip(self.values(column), self.objects[name][start : start + count], strict=True):
                    setattr(owner, field, value)

    def values(self, column: Column) -> list[Any]:
        """The values of a column, with objects in place of their numbers."""
        read = getattr(self, f"_{column[0]}")
        return cast(list[Any], read(*column[1:]))

    def _plain(self, values: list[Any]) -> list[Any]:
        return values

    def _mixed(self, columns: list[Column]) -> list[Any]:
        return [self.values(column)[0] for column in columns]

    def _enum(self, name: str, values: list[Any]) -> list[Any]:
        kind = _kind(name)
        return [None if value is None else kind(value) for value in values]

    def _object(self, name: str, numbers: list[int | None]) -> list[Any]:
        found = self.objects[name]
        return [None if number is None else found[number] for number in numbers]

    def _tuple(self, count: int, places: list[Column]) -> list[Any]:
        return list(zip(*map(self.values, places), strict=True)) if places else [()] * count

    def _dict(self, name: str, lengths: list[int], keys: Column, values: Column) -> list[Any]:
        pairs = zip(self.values(keys), self.values(values), strict=True)
        return [CONTAINERS[name](dict(islice(pairs, length))) for length in lengths]  # a Counter would count pairs

    def _list(self, name: str, lengths: list[int], items: Column) -> list[Any]:
        flat = iter(self.values(items))
        return [CONTAINERS[name](islice(flat, length)) for length in lengths]


def _made(kind: type, names: list[str], columns: list[Any], count: int) -> Iterable[Any]:
    """Objects without their fields yet. Structs hold plain data only, so they are complete at once."""
    if names:
        return (object.__new__(kind) for _ in range(count))
    return (msgspec.convert(value, kind) for value in columns)


def fields(value: Any) -> list[str]:
    """The names of an object's fields."""
    return sorted(getattr(value, "__slots__", None) or vars(value))


def _flat(values: Iterable[Iterable[Any]]) -> list[Any]:
    return list(chain.from_iterable(values))


def _name(kind: type) -> str:
    name = f"{kind.__module__}.{kind.__qualname__}"
    if not name.startswith(OURS) or issubclass(kind, tuple):
        raise TypeError(f"a snapshot of the core cannot hold {name}")
    return name


def _kind(name: str) -> type:
    if not name.startswith(OURS):
        raise TypeError(f"a snapshot of the core holds no {name}")
    module, _, kind = name.rpartition(".")
    return cast(type, getattr(sys.modules[module], kind))
