"""`python -m tests.hostile.short_of_memory FILE RECIPE STEPS`: how the image path fares on a file with less and less
room. A process of its own, for one that has freed memory before has room that no limit takes away.

Prints, as one JSON object, what became of it by the bytes of address space that were there.
"""

import json
import os
import resource
import sys
from pathlib import Path

from jobs.errors import ImageFault
from jobs.recipes.recipe import Recipe
from tests.support.pictures.images import one, outputs
from worker.decoder.serve import Memory
from worker.images import pipeline

WORDS = {0: "done", 10: "out of memory", 20: "the image's fault"}


def main() -> None:
    """One child for each step."""
    path, recipe, steps = Path(sys.argv[1]), one(**json.loads(sys.argv[2])), json.loads(sys.argv[3])
    pipeline.warm()
    print(json.dumps({room: _fares(room, path.read_bytes(), recipe) for room in steps}))


def _fares(room_bytes: int, data: bytes, recipe: Recipe) -> str:
    if (pid := os.fork()) == 0:
        limit = Memory().base_address + room_bytes
        resource.setrlimit(resource.RLIMIT_AS, (limit, limit))
        try:
            outputs(data, recipe)
        except MemoryError:
            os._exit(10)
        except ImageFault:
            os._exit(20)
        os._exit(0)
    status = os.waitstatus_to_exitcode(os.waitpid(pid, 0)[1])
    return WORDS.get(status, f"status {status}")


if __name__ == "__main__":
    main()
