"""A contender of bench/images.py that is written in Python, as a process of its own: one JSON request a line, one
answer a line, as bench/peers/peers.mjs."""

import json
import sys
import time
from collections.abc import Callable
from pathlib import Path

from bench.peers.typical import Wanted

Maker = Callable[[Path, Wanted], list[bytes]]
"""What encodes the renditions wanted of an original, in their order."""


def answer(make: Maker) -> None:
    """Answer until the input ends."""
    for line in sys.stdin:
        asked = json.loads(line)
        paths = [Path(one.pop("path")) for one in asked["outputs"]]
        before = time.process_time()
        outputs = make(Path(asked["input"]), asked["outputs"])
        cpu_ms = (time.process_time() - before) * 1000
        for data, path in zip(outputs, paths, strict=True):
            path.write_bytes(data)
        print(json.dumps({"cpu_ms": cpu_ms}), flush=True)
