"""The allowed names of blobs: two or three relative components, none of them hidden or `..`."""

import re

from jobs.errors import StoreFault

_COMPONENT = r"[A-Za-z0-9_][A-Za-z0-9._-]*"
_NAME = re.compile(rf"{_COMPONENT}(/{_COMPONENT}){{1,2}}")


def is_name(name: str) -> bool:
    """Whether this is a valid name of a blob."""
    return _NAME.fullmatch(name) is not None


def checked(name: str) -> str:
    """`name` itself. Raises StoreFault if it is not a valid name of a blob."""
    if not is_name(name):
        raise StoreFault(f"{name!r} is not a valid blob name")
    return name
