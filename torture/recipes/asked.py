"""Makes random recipes out of the types of their keys, so that a new key is asked for without a change here.

Pure: knows no HTTP and no image. Most values are small or usual; some are at a bound, and a few beyond it.
"""

import math
import random
import re
from collections.abc import Mapping
from typing import Any

from msgspec import inspect

from jobs.errors import BadRecipe
from jobs.recipes.recipe import AskedRecipe, parse

KEY_SHARE = 0.15
"""How often an optional key is asked for."""
RENDITIONS_SHARE = 0.9
"""How often a recipe asks for renditions, and not for facts alone."""
BOUND_SHARE, BEYOND_SHARE = 0.05, 0.003
UNCHECKED_SHARE = 0.05
"""How many recipes are taken as they were drawn. Of the others, the keys that are refused are left out."""
DRAWS_MAX = 200
RENDITIONS_MAX, LIST_MAX = 3, 4
USUAL_MAX = 600
"""Most whole numbers are below it: large pictures would only cost time."""
STRINGS = (
    "mark", "another", "0" * 64, "#000000", "#ffffff", "#FFFFFFFF", "#00000000", "#336699", "#33669980", "#ABCDEF",
    "16:9", "9:16", "1:1", "1.91:1", "100:1", "1:999999999", "0:1", "1%", "50%", "blur", "mirror", "dominant",
)  # fmt: skip
"""What a string may be: those of its pattern are chosen from."""
MARK = "mark"
"""The watermark that there is."""


def _share(key: str) -> float:
    return RENDITIONS_SHARE if key == "renditions" else KEY_SHARE


class Recipes:
    """Random recipes by a seed. `digest`: that of the watermark."""

    def __init__(self, seed: int, digest: str) -> None:
        self._random = random.Random(seed)
        self._marks: Mapping[str, str] = {MARK: digest}

    def next(self) -> dict[str, Any]:
        """One, as plain values for JSON."""
        asked: dict[str, Any] = {}
        for _ in range(DRAWS_MAX):
            asked = self._drawn(inspect.type_info(AskedRecipe), "")
            for number, rendition in enumerate(asked.get("renditions", ())):
                rendition["name"] = f"r{number}"
            if self._random.random() < UNCHECKED_SHARE or self._mends(asked):
                break
        return asked

    def number(self, kind: inspect.IntType | inspect.FloatType) -> int | float:
        """A number of this type, usually a small one within its bounds."""
        least, most = kind.ge or 0, kind.le if kind.le is not None else 2**31
        dice, whole = self._random.random(), isinstance(kind, inspect.IntType)
        if dice < BEYOND_SHARE:
            return self._random.choice((least - 1, most + 1))
        if dice < BEYOND_SHARE + BOUND_SHARE:
            return self._random.choice((least, most, 0 if least <= 0 else least))
        usual = min(most, USUAL_MAX)
        number = least + math.expm1(self._random.random() * math.log1p(usual - least))  # small ones as often as large
        return int(number) if whole else round(number, 3)

    def _mends(self, asked: dict[str, Any]) -> bool:
        """Leave out the keys that are refused, one after another. Returns whether the rest is valid."""
        while True:
            try:
                parse(asked, self._marks, vips=False)
            except BadRecipe as fault:
                found = re.match(r"\$\.renditions\[(\d+)\]\.(\w+)", fault.path)
                if not found or asked["renditions"][int(found[1])].pop(found[2], None) is None or found[2] == "name":
                    return False
            else:
                return True

    def _drawn(self, kind: inspect.Type, key: str) -> Any:
        """A value of this type. Raises LookupError for a type or a pattern that nobody has taught this."""
        choose = self._random.choice
        match kind:
            case inspect.StructType():
                wanted = [each for each in kind.fields if each.required or self._random.random() < _share(each.name)]
                return {each.encode_name: self._drawn(each.type, each.encode_name) for each in wanted}
            case inspect.UnionType():
                return self._drawn(choose(kind.types), key)
            case inspect.VarTupleType() | inspect.ListType():
                most = min(kind.max_length or LIST_MAX, RENDITIONS_MAX if key == "renditions" else LIST_MAX)
                count = self._random.randint(kind.min_length or 0, most)
                return [self._drawn(kind.item_type, key) for _ in range(count)]
            case inspect.TupleType():
                return [self._drawn(each, key) for each in kind.item_types]
            case inspect.IntType() | inspect.FloatType():
                return self.number(kind)
            case inspect.LiteralType():
                return choose(kind.values)
            case inspect.BoolType():
                return choose((False, True, True))
            case inspect.NoneType():
                return None
            case inspect.StrType():
                if found := [each for each in STRINGS if kind.pattern is None or re.search(kind.pattern, each)]:
                    return choose(found)
        raise LookupError(f"nobody knows how to draw {kind} for {key!r}: add it to {__name__}")
