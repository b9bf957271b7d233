"""The answer of POST /recipes/explain as a person reads it: one table, the sum, the warnings."""

from typing import Any

from rich.console import Console
from rich.table import Table

DECODED = "the original"


def show(answer: dict[str, Any], console: Console | None = None) -> None:
    """Print an explanation."""
    console = console or Console(highlight=False)
    original, plan = answer["original"], answer["plan"]
    decode, expected = plan["decode"], plan["expected"]
    console.print(
        f"{original['format']} {original['width']} x {original['height']}, {original['bytes']:,} bytes: "
        f"decoded at 1/{decode['scale']}, {decode['width']} x {decode['height']}"
    )
    console.print(_table(plan["renditions"]))
    console.print(f"expected: {expected['cpu_ms']:.0f} ms of a core, {expected['peak_bytes'] / 1e6:.0f} MB")
    for warning in plan["warnings"]:
        console.print(f"{warning['rendition']}: {warning['detail']}", style="yellow", soft_wrap=True)


def _table(renditions: list[dict[str, Any]]) -> Table:
    table = Table("rendition", "format", "sides", "of", "box", "ms", box=None, pad_edge=False)
    for one in renditions:
        box = one["box"]
        sides, cut = f"{one['width']} x {one['height']}", f"{box['width']:g} x {box['height']:g}"
        corner = f"{box['left']:g}, {box['top']:g}"
        source = one["derived_from"] or DECODED
        table.add_row(one["name"], one["format"], sides, source, f"{cut} at {corner}", f"{one['cpu_ms']:g}")
    return table
