"""The table and the plot of docs/performance.md that bench/images.py measures. Knows no image."""

from pathlib import Path
from typing import Any

DOCS = Path(__file__).parents[2] / "docs"
PAGE, PLOT = DOCS / "performance.md", DOCS / "pictures" / "images.svg"
START, END = "<!-- images: by `python -m bench.images --docs` -->", "<!-- end of images -->"
CASES = {
    "jpeg_to_jpeg": "JPEG 2725 x 2225 to JPEG 720",
    "jpeg_to_webp": "the same to WebP",
    "jpeg_24mp_to_thumb": "JPEG of 24 million pixels to 320",
    "png_to_png": "PNG with alpha, 2048 x 1672, to PNG 720",
    "webp_to_jpeg": "WebP 2725 x 2225 to JPEG 720",
    "five_jpeg": "five renditions, JPEG",
    "five_webp": "five renditions, WebP",
    "default_preset": "the default preset: WebP of 1600, and a thumbnail",
}
NAMES = {
    "stock": "Pillow alone", "planar": "with libturbojpeg", "pixmill": "and `vips`", "sharp": "sharp",
    "pyvips": "pyvips", "thumbnail": "`thumbnail`",
    "pillow": "Pillow, naive",
}  # fmt: skip
COLOURS = {"stock": "#1e40af", "planar": "#2563eb", "pixmill": "#60a5fa", "sharp": "#16a34a", "pyvips": "#a3a3a3"}
LINE, LEFT, WIDTH, MOST = 11, 250, 420, 1.6
"""Of the plot: a bar's height, where bars begin and how far 1.6 times sharp's CPU reaches, in pixels."""

Measured = dict[str, dict[str, dict[str, float]]]
"""Figures by contender and case."""
Floors = dict[str, tuple[float, float]]


def write(measured: Measured, floors: Floors) -> None:
    """Put the table between its marks in the page, and the plot beside it. Needs every contender and case."""
    before, _, rest = PAGE.read_text().partition(START)
    after = rest.partition(END)[2]
    PAGE.write_text(f"{before}{START}\n{_table(measured, floors)}\n{END}{after}")
    PLOT.write_text(_plot(measured))


def _table(measured: Measured, floors: Floors) -> str:
    lines = [f"| | {' | '.join(NAMES.values())} | floor |", "|" + "---|" * (len(NAMES) + 2)]
    for case, title in CASES.items():
        cells = [_cell(measured[name][case]) for name in NAMES]
        decode_ms, encode_ms = floors[case]
        lines.append(f"| {title} | {' | '.join(cells)} | {decode_ms:.1f} + {encode_ms:.1f} |")
    return "\n".join(lines)


def _cell(figures: dict[str, Any]) -> str:
    return f"{figures['cpu_ms']:.1f} ({figures['ssim']:.3f}, {figures['bytes'] / 1000:.0f})"


def _plot(measured: Measured) -> str:
    """CPU per image by case, sharp's being 1."""
    parts, y = [], 30
    for case, title in CASES.items():
        parts.append(text(LEFT - 8, y + 2 * LINE, title, "end"))
        for name, colour in COLOURS.items():
            share = measured[name][case]["cpu_ms"] / measured["sharp"][case]["cpu_ms"]
            length = round(min(share, MOST) / MOST * WIDTH)
            parts.append(f'<rect x="{LEFT}" y="{y}" width="{length}" height="{LINE - 1}" fill="{colour}"/>')
            parts.append(text(LEFT + length + 4, y + LINE - 2, f"{share:.2f}"))
            y += LINE
        y += 10
    legend = [text(LEFT + 105 * index, 18, NAMES[name].replace("`", ""), fill=colour)
              for index, (name, colour) in enumerate(COLOURS.items())]  # fmt: skip
    return drawing(LEFT + WIDTH + 50, y, [*legend, *parts])


def drawing(width: int, height: float, parts: list[str]) -> str:
    """An SVG of these parts, on white."""
    ground = '<rect width="100%" height="100%" fill="white"/>'
    size, body = f'width="{width}" height="{height}"', "\n".join(parts)
    return f'<svg xmlns="http://www.w3.org/2000/svg" {size} font-family="sans-serif">\n{ground}\n{body}\n</svg>\n'


def text(x: float, y: float, words: str, anchor: str = "start", fill: str = "#333") -> str:
    """Words of a drawing."""
    return f'<text x="{x}" y="{y}" font-size="11" text-anchor="{anchor}" fill="{fill}">{words}</text>'
