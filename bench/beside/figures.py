"""Medians and ratios of alternating rounds, and the tables that show them. Pure.

A round of a contender is figures by key. A contender that could not be measured in a round has no such round.
"""

import statistics
from collections.abc import Mapping, Sequence
from itertools import zip_longest
from typing import NamedTuple

Figures = dict[str, float]
Rounds = dict[str, list[Figures]]
"""The rounds of each contender, in their order."""


class Column(NamedTuple):
    """A figure of a table: its key, its words, and how many digits it has behind the point."""

    key: str
    words: str
    digits: int = 0


class Table(NamedTuple):
    """One table, and what the first column says of each contender."""

    key: str
    title: str
    columns: tuple[Column, ...]


def merged(before: Rounds, now: Rounds) -> Rounds:
    """The rounds of an earlier run and of this one. A key that was measured now is only of now, for all contenders, so
    that figures that are compared are of one run."""
    measured = {key for found in now.values() for figures in found for key in figures}
    together: Rounds = {}
    for name in dict.fromkeys([*before, *now]):
        old, new = before.get(name, []), now.get(name, [])
        kept = [{key: one[key] for key in one if key not in measured} for one in old]
        pairs = zip_longest(kept, new, fillvalue=dict[str, float]())
        together[name] = [{**earlier, **later} for earlier, later in pairs]
    return together


def medians(rounds: Sequence[Figures]) -> Figures:
    """The median of each key over the rounds that have it."""
    keys = dict.fromkeys(key for figures in rounds for key in figures)
    return {key: statistics.median(figures[key] for figures in rounds if key in figures) for key in keys}


def ratio(rounds: Rounds, one: str, other: str, key: str) -> float | None:
    """The median of the ratios of one contender to another one, each of the same round; None if they share none."""
    pairs = zip(rounds.get(one, []), rounds.get(other, []), strict=False)
    found = [mine[key] / theirs[key] for mine, theirs in pairs if key in mine and theirs.get(key)]
    return statistics.median(found) if found else None


def best(rounds: Rounds, names: Sequence[str], key: str) -> str | None:
    """The contender of `names` with the highest median of `key`; None if none of them has it."""
    found = {name: medians(rounds[name]) for name in names if rounds.get(name)}
    able = [name for name, figures in found.items() if key in figures]
    return max(able, key=lambda name: found[name][key], default=None)


def cells(table: Table, rounds: Rounds) -> list[list[str]]:
    """The rows of a table: a name, and its medians as text. A contender without any of the figures is left out; a
    figure that it lacks is a dash."""
    rows = []
    for name, found in rounds.items():
        figures = medians(found)
        if any(column.key in figures for column in table.columns):
            rows.append([name, *(_text(figures, column) for column in table.columns)])
    return rows


def markdown(table: Table, rounds: Rounds) -> str:
    """The table for a page."""
    head = ["", *(column.words for column in table.columns)]
    lines = [f"| {' | '.join(head)} |".replace("|  |", "| |"), "|" + "---|" * len(head)]
    lines += [f"| `{name}` | {' | '.join(texts)} |" for name, *texts in cells(table, rounds)]
    return "\n".join(lines)


def _text(figures: Mapping[str, float], column: Column) -> str:
    return f"{figures[column.key]:,.{column.digits}f}" if column.key in figures else "-"
