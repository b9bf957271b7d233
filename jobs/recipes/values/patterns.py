"""The patterns of a recipe's texts, and the words in which a person is told of them.

Owns what a name, a ratio and a colour look like. Knows no key: jobs/recipes/keys.py uses the patterns in its types.
"""

import re
from typing import Any

NAME_CHARACTERS_MAX = 32
NAME_PATTERN = rf"\A[a-z0-9][a-z0-9_-]{{0,{NAME_CHARACTERS_MAX - 1}}}\Z"
"""Of renditions and presets: safe in an address and in a file name."""
RATIO_DIGITS = 9
_PART = rf"(?:[0-9]{{1,{RATIO_DIGITS}}}|[0-9]{{1,5}}\.[0-9]{{1,4}})"
RATIO_PATTERN = rf"\A{_PART}:{_PART}\Z"
COLOUR_PATTERN = r"\A#(?:[0-9a-fA-F]{6}|[0-9a-fA-F]{8})\Z"
TINT_PATTERN = r"\A#[0-9a-fA-F]{6}\Z"
BACKGROUND_PATTERN = r"\A(?:#(?:[0-9a-fA-F]{6}|[0-9a-fA-F]{8})|blur|mirror|dominant)\Z"
DIGEST_PATTERN = r"\A[0-9a-f]{64}\Z"

_HEX = "in hex digits (0-9, a-f, A-F)"
WORDS = {
    NAME_PATTERN: f"1 to {NAME_CHARACTERS_MAX} characters of a-z, 0-9, - and _, the first one a letter or a digit",
    RATIO_PATTERN: f"two numbers of {RATIO_DIGITS} digits at most (or 5 and 4 behind a point), as 16:9 or 1.91:1",
    COLOUR_PATTERN: f"#rrggbb or #rrggbbaa {_HEX}",
    TINT_PATTERN: f"#rrggbb {_HEX}",
    BACKGROUND_PATTERN: f"#rrggbb or #rrggbbaa {_HEX}, blur, mirror or dominant",
    DIGEST_PATTERN: "64 hex digits (0-9, a-f)",
}
"""By pattern, what to write. Each pattern in the types of a recipe is here."""
SHOWN_CHARACTERS = 60
"""Of a wrong value a fault shows so many characters."""
_WORDS_OF = {f"Expected `str` matching regex {pattern!r}": words for pattern, words in WORDS.items()}
"""By msgspec's message."""
_STEP = re.compile(r"\.([a-z_]+)|\[(\d+)\]")


def words_of(message: str) -> str | None:
    """What to write instead of a text that msgspec refuses with this message; None if no pattern refuses it."""
    return _WORDS_OF.get(message)


def refused(words: str, value: object) -> str:
    """The detail of a fault: what to write, and what came."""
    text = repr(value)
    return f"use {words}, not {text if len(text) <= SHOWN_CHARACTERS else text[:SHOWN_CHARACTERS] + '…'}"


def value_at(path: str, values: Any) -> Any:
    """The value at a JSON path that msgspec told, as `$.renditions[0].name`, in the decoded object."""
    for key, index in _STEP.findall(path):
        values = values[key] if key else values[int(index)]
    return values
