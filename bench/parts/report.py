"""How a benchmark ends: its table, then one JSON object on the last line."""

import json
from collections.abc import Callable, Iterable, Mapping, Sequence
from typing import Any, TypeVar

Figures = TypeVar("Figures", bound=Mapping[str, object])


def table(head: Sequence[str], rows: Iterable[Sequence[object]]) -> None:
    """Print rows in columns as wide as they need."""
    cells = [list(head), *([_text(cell) for cell in row] for row in rows)]
    widths = [max(map(len, column)) for column in zip(*cells, strict=True)]
    for line in cells:
        print("  ".join(cell.ljust(width) for cell, width in zip(line, widths, strict=True)).rstrip())


def close(bench: str, figures: dict[str, Any], peers: dict[str, Any] | None = None) -> None:
    """Print the last line."""
    print(json.dumps({"bench": bench, "figures": figures, **({"peers": peers} if peers else {})}), flush=True)


def _text(cell: object) -> str:
    if not isinstance(cell, float):
        return str(cell)
    return f"{cell:,.3g}" if abs(cell) < 100 else f"{cell:,.0f}"


def skipped(there: object, missing: str) -> bool:
    """Whether a part of this machine is not `there`. It then prints what is missing."""
    if not there:
        print(f"skipped: {missing}")
    return not there


def percentile(values: Iterable[float], share: float) -> float:
    """The value below which `share` (0 to 1) of the values lie (nearest rank)."""
    ordered = sorted(values)
    return ordered[min(len(ordered) - 1, int(share * len(ordered)))]


def close_scenarios(bench: str, found: Mapping[str, Figures], broken: Callable[[str, Figures], Iterable[str]]) -> int:
    """The table of the figures `found` by scenario, what of each is `broken`, and the last line. Returns the exit
    status: 1 if anything is broken."""
    table(("scenario", "what", "figure"), [(name, key, str(found[name][key])) for name in found for key in found[name]])
    wrong = [fault for name, figures in found.items() for fault in broken(name, figures)]
    for fault in wrong:
        print(f"BROKEN {fault}")
    close(bench, {f"{name}_{key}": value for name, figures in found.items() for key, value in figures.items()})
    return int(bool(wrong))
