"""pyvips, for bench/images.py, in a process of its own: its thumbnail, which shrinks while it loads, from the file for
each rendition. One JSON request a line, one answer a line, as bench/peers.mjs."""

import json
import os
import sys
import time
from pathlib import Path
from typing import Any

os.environ["VIPS_CONCURRENCY"] = "1"

import pyvips


def made(source: str, one: dict[str, Any]) -> bytes:
    """One rendition."""
    cut = {"crop": "centre"} if one.get("fit") == "cover" else {}
    image = pyvips.Image.thumbnail(source, one["width"], height=one.get("height", 100_000), size="down", **cut)
    image = image.gaussblur(one["blur"]) if "blur" in one else image
    options = {} if one["format"] == "png" else {"Q": one["quality"]}
    data: bytes = image.write_to_buffer(f".{one['format']}", keep="none", **options)
    return data


def main() -> None:
    """Answer until the input ends."""
    pyvips.cache_set_max(0)
    print(json.dumps({"version": ".".join(str(pyvips.version(part)) for part in range(3))}), flush=True)
    for line in sys.stdin:
        asked = json.loads(line)
        before = time.process_time()
        outputs = [made(asked["input"], one) for one in asked["outputs"]]
        cpu_ms = (time.process_time() - before) * 1000
        for data, one in zip(outputs, asked["outputs"], strict=True):
            Path(one["path"]).write_bytes(data)
        print(json.dumps({"cpu_ms": cpu_ms}), flush=True)


if __name__ == "__main__":
    main()
