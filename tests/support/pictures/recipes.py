"""The pictures and the table of docs/recipes.md: `python -m tests.support.pictures.recipes` makes them anew.

tests/unit/worker/images/test_pipeline_quality.py fails where the table has drifted, or a figure no longer holds.
"""

import json
import re

from tests.support.house.docs import ROOT
from tests.support.pictures.quality import JUDGED, Judged, judged, ours

PAGE = ROOT / "docs" / "recipes.md"
PICTURES = ROOT / "docs" / "pictures"
BEGIN = "<!-- operations: made of tests/support/pictures/quality.py by `python -m tests.support.pictures.recipes` -->\n"
END = "<!-- end of operations -->\n"


def row(operation: Judged, figure: str) -> str:
    """One line of the table."""
    keys = json.dumps(operation.keys)[1:-1]
    return f"| ![{operation.name}](pictures/{operation.name}.webp) | {operation.text} | `{keys}` | {figure} |\n"


def table(figures: dict[str, str]) -> str:
    """The table, with the SSIM of each operation."""
    rows = "".join(row(one, figures[one.name]) for one in JUDGED)
    return "| | does | keys | SSIM |\n|---|---|---|---|\n" + rows


def told(page: str) -> dict[str, str]:
    """The figures that the page has, by operation."""
    return dict(re.findall(r"^\| !\[(\w+)\].* \| ([\d.]+) \|$", page, re.MULTILINE))


def with_table(page: str, figures: dict[str, str]) -> str:
    """`page` with today's table between its marks."""
    before, _, rest = page.partition(BEGIN)
    _, _, after = rest.partition(END)
    return before + BEGIN + table(figures) + END + after


def main() -> None:
    """Write them."""
    PICTURES.mkdir(exist_ok=True)
    for operation in JUDGED:
        (PICTURES / f"{operation.name}.webp").write_bytes(ours(operation.keys, format="webp", quality=75))
    figures = {operation.name: f"{judged(operation):.3f}" for operation in JUDGED}
    PAGE.write_text(with_table(PAGE.read_text(), figures))


if __name__ == "__main__":
    main()
