"""One planted bug, and a core with its bugs and the tests that must catch them. Knows no core."""

from typing import NamedTuple


class Mutant(NamedTuple):
    """In `file`, a path within its core's folder, `old` becomes `new`. `old` is there once."""

    name: str
    file: str
    old: str
    new: str


class Core(NamedTuple):
    """`tests` are quick: each mutant runs them. `properties` judge beside them, and each suite is counted by itself."""

    name: str
    folder: str
    tests: tuple[str, ...]
    mutants: tuple[Mutant, ...]
    properties: tuple[str, ...] = ()
