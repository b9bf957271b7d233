"""Table 2: from an upload to its result, by preset: 8 clients in a closed loop, then an open loop at 0.8 of its rate.

A result is there when its last file has its name, for all contenders alike (bench/peers/load/watch.py).
"""

from pathlib import Path
from typing import Any

from PIL import Image

from bench.beside.figures import Column, Figures, Table
from bench.parts.report import percentile
from bench.peers.whole import presets
from bench.peers.whole.driver import Measured, drive
from bench.peers.whole.presets import Wanted
from bench.peers.whole.stacks import Stack

CLIENTS = 8
WARM_SECONDS = 2.0
CHECK_SECONDS = 30.0
LOAD = 0.8
TITLES = {"one": "One rendition, 720 x 588", "five": "Five renditions, JPEG", "default": "The default preset"}


def tables() -> list[Table]:
    """A table for each preset."""
    return [Table(preset, title, _columns(preset)) for preset, title in TITLES.items()]


def _columns(preset: str) -> tuple[Column, ...]:
    return (
        Column(f"{preset}_images_s", "images/s", 1),
        Column(f"{preset}_cpu_ms", "CPU ms an image", 1),
        Column(f"{preset}_accept_p50", "accept p50, ms", 1),
        Column(f"{preset}_accept_p99", "p99", 1),
        Column(f"{preset}_result_p50", "result p50, ms"),
        Column(f"{preset}_result_p99", "p99"),
        Column(f"{preset}_memory_mb", "memory, MB"),
        Column(f"{preset}_open_accept_p50", "at 0.8: accept p50", 1),
        Column(f"{preset}_open_accept_p99", "p99", 1),
        Column(f"{preset}_open_result_p50", "result p50"),
        Column(f"{preset}_open_result_p99", "p99"),
    )


def check(stack: Stack, preset: str, wanted: Wanted, photo: Path) -> None:
    """Upload two photographs. Raises AssertionError unless all renditions come, with the asked sides and format."""
    plan = {"kind": "batch", "photo": str(photo), "preset": preset, "renditions": len(wanted), "clients": 2}
    found = drive(stack, {**plan, "uploads": 2, "patience_seconds": CHECK_SECONDS}).figures
    assert len(found["accepted"]) == 2 and not found["lost"], f"{preset}: no results of {found['lost']}"
    for job in found["accepted"]:
        made = {path.name.split(".")[1]: _described(path) for path in stack.results_of(job)}
        asked = {one["name"]: (one["format"], presets.expected(one)) for one in wanted}
        assert made == asked, f"{preset}: {made} instead of {asked}"


def _described(path: Path) -> tuple[str, tuple[int, int]]:
    with Image.open(path) as image:
        return str(image.format).lower(), image.size


def measure(stack: Stack, preset: str, renditions: int, photo: Path, seconds: float, seed: int) -> Figures:
    """The figures of one preset. `generator` is the CPU share of the load generator in the closed loop."""
    plan: dict[str, Any] = {"photo": str(photo), "preset": preset, "renditions": renditions, "seconds": seconds}
    plan["warm_seconds"] = WARM_SECONDS
    closed = drive(stack, {**plan, "kind": "closed", "clients": CLIENTS})
    rate = closed.figures["jobs"] / closed.figures["seconds"]
    assert rate and not closed.figures["unanswered"], f"{preset}: {closed.figures['unanswered']} results did not come"
    opened = drive(stack, {**plan, "kind": "open", "rate": LOAD * rate, "seed": seed})
    named = {
        "images_s": rate,
        "cpu_ms": closed.cpu_ms / closed.figures["jobs"],
        "memory_mb": max(closed.memory_mb, opened.memory_mb),
        "generator": closed.figures["cpu_share"],
        **_times(closed, ""),
        **_times(opened, "open_"),
    }
    return {f"{preset}_{key}": value for key, value in named.items()}


def _times(measured: Measured, prefix: str) -> Figures:
    figures: Figures = {}
    for kind in ("accept", "result"):
        if times := measured.figures[f"{kind}_ms"]:
            figures |= {f"{prefix}{kind}_p{round(share * 100)}": percentile(times, share) for share in (0.5, 0.99)}
    return figures
