"""The allowed names of blobs: two or three relative components, none of them hidden or `..`."""

import re

from jobs.errors import StoreFault

_COMPONENT = r"[A-Za-z0-9_][A-Za-z0-9._-]*"
_NAME = re.compile(rf"{_COMPONENT}(/{_COMPONENT}){{1,2}}")


def is_name(name: str) -> bool:
    """Whether a blob of ours may be called so."""
    return _NAME.fullmatch(name) is not None


def checked(name: str) -> str:
    """`name` itself. Raises StoreFault if it is no blob name of ours."""
    if not is_name(name):
        raise StoreFault(f"{name!r} is no blob name of ours")
    return name
