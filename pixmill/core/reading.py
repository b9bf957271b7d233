"""From an answer's JSON to the types of answers.py, and no further than they say: unknown members are kept unread.

Knows no request. Raises Unread where a member is missing or of another type.
"""

import dataclasses
import functools
import types
from collections.abc import Hashable, Mapping
from typing import Any, TypeVar, Union, cast, get_args, get_origin, get_type_hints

UNREAD = "raw"
"""The field of an Answer that has the JSON itself."""
A = TypeVar("A", bound="Answer")
_EXACT: dict[object, tuple[type, ...]] = {str: (str,), bool: (bool,), int: (int,), float: (int, float)}


class Unread(ValueError):
    """The JSON is not what pixmill answers."""


@dataclasses.dataclass(frozen=True, slots=True, kw_only=True)
class Answer:
    """A part of an answer. `raw` is its JSON object, with members that this client does not know; `answer["name"]`
    reads one of them."""

    raw: Mapping[str, Any] = dataclasses.field(repr=False, compare=False)

    def __getitem__(self, name: str) -> Any:
        return self.raw[name]


def read(kind: type[A], value: object) -> A:
    """`value`, a JSON value, as `kind`. Raises Unread."""
    if not isinstance(value, dict):
        raise Unread(f"{kind.__name__} is no object")
    found: dict[str, Any] = {UNREAD: value}
    for name, (hint, required) in _fields(cast(Hashable, kind)).items():
        if name in value:
            found[name] = _converted(hint, value[name], f"{kind.__name__}.{name}")
        elif required:
            raise Unread(f"{kind.__name__}.{name} is missing")
    return kind(**found)


@functools.cache
def _fields(kind: Any) -> dict[str, tuple[Any, bool]]:
    """The fields of a type of Answer: (type, whether it must be there)."""
    hints = get_type_hints(kind)
    missing = dataclasses.MISSING
    return {
        field.name: (hints[field.name], field.default is missing and field.default_factory is missing)
        for field in dataclasses.fields(kind)
        if field.name != UNREAD
    }


def _converted(hint: Any, value: Any, where: str) -> Any:
    origin = get_origin(hint)
    if origin in (types.UnionType, Union):
        if value is None:
            return None
        (hint,) = (each for each in get_args(hint) if each is not type(None))
        origin = get_origin(hint)
    if hint is Any:
        return value
    if origin in (tuple, dict):
        return _items(origin, get_args(hint), value, where)
    if isinstance(hint, type) and issubclass(hint, Answer):
        return read(hint, value)
    if not isinstance(value, _EXACT[hint]) or (isinstance(value, bool) and hint is not bool):
        raise Unread(f"{where} is {type(value).__name__}")
    return value


def _items(origin: Any, parts: tuple[Any, ...], value: Any, where: str) -> Any:
    """A tuple of one type, or a dict of texts to one type."""
    if origin is tuple and isinstance(value, list):
        return tuple(_converted(parts[0], each, where) for each in value)
    if origin is dict and isinstance(value, dict):
        return {name: _converted(parts[1], each, where) for name, each in value.items()}
    raise Unread(f"{where} is {type(value).__name__}")
