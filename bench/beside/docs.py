"""The part of docs/performance.md that bench/beside measures: its tables between marks, and the plot.

Knows no contender. A table that was not measured stays as it is.
"""

from datetime import date

from bench.beside.figures import Rounds, Table, markdown, medians
from bench.beside.judged import Judged
from bench.peers import image_docs

PLOT = image_docs.DOCS / "pictures" / "beside.svg"
PLOTTED, RATE = "one", "one_images_s"
"""The table under which the plot is shown, and its figure."""
SHOWN = "\n\n![Images a second of one rendition](pictures/beside.svg)"
COLOURS = {"pixmill": "#1e40af", "node": "#16a34a"}
OTHERS = "#a3a3a3"
LINE, LEFT, WIDTH = 11, 150, 420
"""Of the plot: a bar's height, where bars begin and how long the longest one is, in pixels."""


def marks(key: str) -> tuple[str, str]:
    """What stands before and after a table."""
    return f"<!-- beside {key}: by `python -m bench.beside --docs` -->", f"<!-- end of beside {key} -->"


def put(page: str, key: str, text: str) -> str:
    """The page with this text between the marks of `key`. Raises ValueError if they are not there."""
    start, end = marks(key)
    before, found, rest = page.partition(start)
    _, closed, after = rest.partition(end)
    if not found or not closed:
        raise ValueError(f"the page has no marks of {key}")
    return f"{before}{start}\n{text}\n{end}{after}"


def write(tables: list[Table], rounds: Rounds, judged: list[Judged], machine: str) -> None:
    """Put what was measured into the page, and draw the plot if uploads are among it."""
    page = image_docs.PAGE.read_text()
    for table in tables:
        text = markdown(table, rounds)
        if text.count("\n") > 1:
            page = put(page, table.key, f"{text}{SHOWN if table.key == PLOTTED else ''}")
    page = put(page, "judged", "\n".join([machine, "", *_judged(judged)]))
    image_docs.PAGE.write_text(page)
    if any(RATE in figures for found in rounds.values() for figures in found):
        PLOT.write_text(plot(rounds))


def machine(processor: str, cores: int, versions: dict[str, str], asked: list[str]) -> str:
    """A sentence about where and when, with the versions of the packages `asked`."""
    named = ", ".join(f"{name} {versions[name]}" for name in asked if name in versions)
    return f"Measured on {date.today():%-d %B %Y}, on {processor} with {cores} cores: {named}."


def plot(rounds: Rounds) -> str:
    """Images a second of one rendition, by contender."""
    rates = {name: medians(found).get(RATE) for name, found in rounds.items()}
    shown = {name: rate for name, rate in rates.items() if rate}
    parts, y = [image_docs.text(LEFT, 18, "images/s, one rendition of 720 x 588")], 30
    for name, rate in sorted(shown.items(), key=lambda one: -one[1]):
        length = round(rate / max(shown.values()) * WIDTH)
        colour = COLOURS.get(name.partition(":")[0], OTHERS)
        parts.append(image_docs.text(LEFT - 8, y + LINE - 2, name, "end"))
        parts.append(f'<rect x="{LEFT}" y="{y}" width="{length}" height="{LINE - 1}" fill="{colour}"/>')
        parts.append(image_docs.text(LEFT + length + 4, y + LINE - 2, f"{rate:.1f}"))
        y += LINE + 4
    return image_docs.drawing(LEFT + WIDTH + 50, y, parts)


def _judged(judged: list[Judged]) -> list[str]:
    lines = ["| ratio, median of the rounds' | measured | bar |", "|---|---|---|"]
    for one in judged:
        bar = f"{'at least' if one.at_least else 'at most'} {one.bar:.2f}"
        lines.append(f"| {one.words} | {one.value:.2f} | {bar}{'' if one.held else ', **not met**'} |")
    return lines
