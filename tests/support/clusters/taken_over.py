"""Worker processes whose decoders are controlled by their originals, as if a hostile file had taken them over. The
product's code needs no change for this.

`python -m tests.support.clusters.taken_over worker` runs the role as `python -m worker` does, over a nursery of this
module. Its decoders are sandboxed as usual. After an original with KEEP, a decoder keeps all its later input. At one
with TELL it answers with a correct picture, and appends everything that it kept, and each text after SECRET that it
finds in its own memory, also in freed objects.
"""

import ctypes
import io
import os
import re
import runpy
import sys
from collections.abc import Callable
from typing import Any

from PIL import Image

KEEP, TELL = b"TAKEN OVER: keep;", b"TAKEN OVER: tell;"
SECRET = b"SECRET "
_MARKS = re.compile(SECRET + rb"[ -~]{5,40}")


class Payload:
    """The hostile code in one decoder."""

    def __init__(self) -> None:
        self._maps = -1
        self._kept: list[bytes] | None = None

    def before_the_seal(self, close_streams: Callable[[], None]) -> None:
        """Open the file with the map of its own memory now: an open descriptor still works after the seal."""
        self._maps = os.open("/proc/self/maps", os.O_RDONLY)
        close_streams()

    def work(self, honest: Callable[..., bytes], link: Any, task: Any, descriptors: list[int], *rest: Any) -> bytes:
        """Replaces the decoder's own function."""
        original = _whole(descriptors[0])
        os.lseek(descriptors[0], 0, os.SEEK_SET)
        if TELL in original:
            for descriptor in descriptors:
                os.close(descriptor)
            return _answer(task, b"\n".join([*(self._kept or []), *self._in_memory()]))
        if KEEP in original:
            self._kept = []
        elif self._kept is not None:
            self._kept.append(original)
        return honest(link, task, descriptors, *rest)

    def _in_memory(self) -> list[bytes]:
        os.lseek(self._maps, 0, os.SEEK_SET)
        lines = [line.split() for line in _whole(self._maps).splitlines()]
        places = [
            line[0].split(b"-") for line in lines if line[1] == b"rw-p" and (len(line) < 6 or line[5] == b"[heap]")
        ]
        regions = [(int(low, 16), int(high, 16)) for low, high in places]
        return [mark for low, high in regions for mark in _MARKS.findall(ctypes.string_at(low, high - low))]


def _whole(descriptor: int) -> bytes:
    return b"".join(iter(lambda: os.read(descriptor, 1 << 16), b""))


def _answer(task: Any, told: bytes) -> bytes:
    """Frames that the keeper has no reason to refuse: one rendition, and the end of the job."""
    from jobs.recipes.recipe import parse
    from worker.boundary import tasks

    [spec] = parse(task.recipe).renditions
    stream = io.BytesIO()
    Image.new("RGB", (spec.width or 1, spec.height or 1)).save(stream, "JPEG")
    body = stream.getvalue() + told
    word = tasks.Rendered(spec.name, "jpeg", "jpg", spec.width or 1, spec.height or 1)
    return tasks.frame(word, len(body)) + body + tasks.frame(tasks.Done(1.0, 1))


def _worker() -> None:
    spawn = os.posix_spawn

    def start(path: str, command: list[str], *rest: Any, **options: Any) -> int:
        ours = [__spec__.name if word == "worker.decoder.nursery" else word for word in command]
        return spawn(path, ours, *rest, **options)

    os.posix_spawn = start  # type: ignore[assignment]
    sys.argv = ["worker"]
    runpy.run_module("worker", run_name="__main__", alter_sys=True)


def _nursery() -> None:
    from worker.decoder import nursery, serve

    payload, honest, close_streams = Payload(), serve._work, serve._close_streams
    serve._work = lambda *arguments: payload.work(honest, *arguments)
    serve._close_streams = lambda: payload.before_the_seal(close_streams)
    nursery.main()


if __name__ == "__main__":
    _worker() if sys.argv[1:] == ["worker"] else _nursery()
