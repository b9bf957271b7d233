"""Pixmill's own engine, and Pillow as others use it, for bench/images.py: `python -m bench.peers.makers NAME`."""

import sys
from pathlib import Path
from unittest import mock

from bench.peers.peer import Maker, answer
from bench.peers.typical import Wanted, naive, thumbnail
from host.process import hugepages
from jobs.recipes.recipe import parse
from worker.images import pipeline
from worker.images.formats import turbojpeg, vips
from worker.images.reading import PipelineLimits

LIMITS = PipelineLimits(100_000_000, 500)


def pixmill(source: Path, wanted: Wanted) -> list[bytes]:
    """The pipeline that a decoder runs."""
    with source.open("rb") as file:
        made = {output.name: output.data for output in pipeline.run(file, parse({"renditions": wanted}), LIMITS)}
    return [made[one["name"]] for one in wanted]


def stock(source: Path, wanted: Wanted) -> list[bytes]:
    """The same by Pillow alone."""
    with mock.patch.object(turbojpeg, "INSTALLED", False):
        return planar(source, wanted)


def planar(source: Path, wanted: Wanted) -> list[bytes]:
    """The same without the extra `vips`, but with libturbojpeg."""
    with mock.patch.object(vips, "INSTALLED", False):
        return pixmill(source, wanted)


OURS: dict[str, Maker] = {"pixmill": pixmill, "planar": planar, "stock": stock}
PILLOW: dict[str, Maker] = {"pillow": naive, "thumbnail": thumbnail}


if __name__ == "__main__":
    name = sys.argv[1]
    if name in OURS:  # as a worker does
        hugepages.begin_anew()
        pipeline.warm()
    answer((OURS | PILLOW)[name])
