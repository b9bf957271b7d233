"""pyvips, for bench/images.py: its thumbnail, which shrinks while it loads, from the file for each rendition."""

import os
from pathlib import Path
from typing import Any

from bench.peers.peer import answer
from bench.peers.typical import Wanted

os.environ["VIPS_CONCURRENCY"] = "1"

import pyvips


def made(source: Path, wanted: Wanted) -> list[bytes]:
    """As a Maker."""
    return [_one(str(source), one) for one in wanted]


def _one(source: str, one: dict[str, Any]) -> bytes:
    cut = {"crop": "centre"} if one.get("fit") == "cover" else {}
    image = pyvips.Image.thumbnail(source, one["width"], height=one.get("height", 100_000), size="down", **cut)
    image = image.gaussblur(one["blur"]) if "blur" in one else image
    options = {} if one["format"] == "png" else {"Q": 80}
    data: bytes = image.write_to_buffer(f".{one['format']}", keep="none", **options)
    return data


if __name__ == "__main__":
    pyvips.cache_set_max(0)
    answer(made)
