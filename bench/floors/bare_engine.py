"""The floor of a job: only the image pipeline of a decoder, in a loop over one file. It runs at the priority of a
decoder, so that other processes slow it as much.

    python -m bench.floors.bare_engine FILE RECIPE COUNT

Prints `ready` when it is warm, begins at a line on standard input, and prints its CPU milliseconds for all COUNT.
"""

import sys
import time
from collections import deque
from pathlib import Path

from host.process import hugepages
from host.process.scheduling import give_way
from host.settings.settings import Settings
from jobs.recipes.recipe import parse
from worker.images.pipeline import run, warm
from worker.images.reading import PipelineLimits


def main(path: str, recipe: str, count: int) -> None:
    """Warm, wait, loop, print."""
    settings = Settings()
    give_way(settings.worker_nice)
    limits = PipelineLimits(settings.pixels_max, settings.frames_max)

    def once() -> None:
        with Path(path).open("rb") as file:
            deque(run(file, parse(recipe), limits), maxlen=0)

    warm()
    once()
    print("ready", flush=True)
    sys.stdin.readline()
    before = time.process_time()
    for _ in range(count):
        once()
    print((time.process_time() - before) * 1000, flush=True)


if __name__ == "__main__":
    hugepages.begin_anew()  # as a worker does
    main(sys.argv[1], sys.argv[2], int(sys.argv[3]))
