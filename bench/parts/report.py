"""How a benchmark ends: its table, then one JSON object on the last line."""

import json
from collections.abc import Iterable, Sequence
from typing import Any


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


def percentile(values: Iterable[float], share: float) -> float:
    """The value below which `share` (0 to 1) of the values lie (nearest rank)."""
    ordered = sorted(values)
    return ordered[min(len(ordered) - 1, int(share * len(ordered)))]
