"""A decoder: one forked, warm process that turns one original at a time into renditions.

Owns pixels and its own limits on memory. Knows no job, store or network: a task and a read-only
descriptor in, encoded bytes out. An error that is no image's fault ends the process. After `serve`
has sealed it nothing can be imported, opened or printed any more.
"""

import errno
import io
import os
import resource
import socket
import traceback
from collections.abc import Iterator
from contextlib import ExitStack
from pathlib import Path
from types import TracebackType
from typing import TYPE_CHECKING, BinaryIO, NoReturn

from jobs.errors import BadRecipe, ImageFault
from jobs.images.facts import Facts
from jobs.job import Code
from jobs.recipes.recipe import Recipe, stored
from jobs.units import spoken_bytes
from worker.boundary import sandbox, tasks
from worker.boundary.status_page import BEGUN, IDLE, StatusPage
from worker.boundary.tasks import Task
from worker.images import pipeline
from worker.images.pipeline import Output, run
from worker.images.reading import PipelineLimits
from worker.images.watch import NOTHING

if TYPE_CHECKING:
    from _typeshed import WriteableBuffer

_PAGE_BYTES = resource.getpagesize()
_FORGET_PEAK = b"5"
"""To clear_refs: VmHWM begins anew at the present resident size (proc(5))."""
READ_BYTES = 64 * 1024
"""Bytes of the original that are read at once."""
STORY_CHARACTERS_MAX = 1000
_PROC_BYTES_MAX = 8192
"""More bytes than status has. Reading to the end would need a call for the file's size first."""


class Memory:
    """The memory that this process uses and may use, in bytes. /proc's files stay open: the sandbox would not allow
    to open them again."""

    def __init__(self) -> None:
        own = Path("/proc/self")
        self._status = (own / "status").open("rb", buffering=0)
        self._clear = (own / "clear_refs").open("wb", buffering=0)
        self.base_address = int((own / "statm").read_bytes().split()[0]) * _PAGE_BYTES

    def begin(self, task_bytes: int) -> None:
        """The soft RLIMIT_AS becomes `task_bytes` plus the address space of the fresh decoder."""
        _, hard = resource.getrlimit(resource.RLIMIT_AS)
        resource.setrlimit(resource.RLIMIT_AS, (self.base_address + task_bytes, hard))
        self._clear.write(_FORGET_PEAK)

    def peak(self) -> int:
        """Resident at most since `begin`."""
        self._status.seek(0)
        line = next(line for line in self._status.read(_PROC_BYTES_MAX).splitlines() if line.startswith(b"VmHWM:"))
        return int(line.split()[1]) * 1024


class ReadOnly(io.RawIOBase):
    """The file behind a descriptor. A file object would make more system calls than reads, and codecs would
    map it. These calls can take paths too, so the sandbox does not allow them."""

    def __init__(self, descriptor: int) -> None:
        self._descriptor = descriptor

    def readable(self) -> bool:
        """Yes."""
        return True

    def seekable(self) -> bool:
        """Yes."""
        return True

    def readinto(self, buffer: "WriteableBuffer") -> int:
        """As io.RawIOBase."""
        view = memoryview(buffer)
        data = os.read(self._descriptor, len(view))
        view[: len(data)] = data
        return len(data)

    def seek(self, offset: int, whence: int = os.SEEK_SET) -> int:
        """As io.RawIOBase."""
        return os.lseek(self._descriptor, offset, whence)

    def close(self) -> None:
        """Also the descriptor."""
        if not self.closed:
            os.close(self._descriptor)
        super().close()


class Leaving:
    """A context that ends the process. It tells the keeper any error that is raised within. The interpreter's
    own ways to show an error and to exit would open files."""

    def __init__(self, link: socket.socket) -> None:
        self._link = link

    def __enter__(self) -> None:
        """As a context manager."""

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> NoReturn:
        if kind is not None:
            places = " > ".join(f"{frame.f_code.co_name}:{line}" for frame, line in traceback.walk_tb(trace))
            story = f"{kind.__name__}: {error} in {places}"[:STORY_CHARACTERS_MAX]
            self._link.sendall(tasks.frame(tasks.Broke(story)))
        os._exit(kind is not None)


def serve(link: socket.socket, status_page: StatusPage, task_bytes_max: int) -> None:
    """Shut this process in, work on tasks from `link` until the keeper closes it, and end: never returns.

    No task may take more than `task_bytes_max` bytes beyond what the fresh decoder has.
    """
    memory = Memory()
    _close_streams()
    with Leaving(link):
        lacking = sandbox.seal(
            memory.base_address + task_bytes_max, status_page.address(), threads=pipeline.STARTS_THREADS
        )
        if lacking:
            link.sendall(tasks.frame(tasks.Unsealed(lacking)))
        while (received := tasks.receive_task(link)) is not None:
            task, descriptors = received
            status_page.at(BEGUN)
            last = _work(link, task, descriptors, memory, status_page)
            status_page.at(IDLE)
            link.sendall(last)


def _close_streams() -> None:
    """Libraries print there about damaged files."""
    nothing = os.open(os.devnull, os.O_RDWR)
    for stream in range(3):
        os.dup2(nothing, stream)
    os.close(nothing)


def _work(link: socket.socket, task: Task, descriptors: list[int], memory: Memory, status_page: StatusPage) -> bytes:
    """The task's last frames. The last rendition is among them, so that the keeper wakes once for both."""
    memory.begin(task.memory_bytes)
    before, last, spent = _cpu_seconds(), b"", NOTHING
    try:
        recipe = stored(task.recipe)
        left = len(recipe.renditions)
        for output in _outputs(link, task, recipe, descriptors, status_page):
            last = tasks.frame(_word(output), len(output.data)) + output.data
            spent = spent.plus(output.spent)
            left -= 1
            if left:
                link.sendall(last)
    except ImageFault as fault:
        return tasks.frame(tasks.Fault(fault.code, fault.detail))
    except BadRecipe as fault:
        return tasks.frame(tasks.Fault(Code.OPERATION_FAILED, fault.detail))
    except MemoryError as fault:
        detail = f"out of the decoder's {spoken_bytes(task.memory_bytes)}" + (f": {fault}" if f"{fault}" else "")
        return tasks.frame(tasks.Fault(Code.MEMORY_OVER_LIMIT, detail))
    except OSError as fault:
        if fault.errno != errno.EIO:
            raise
        detail = f"the original cannot be read ({fault.strerror})"
        return tasks.frame(tasks.Fault(Code.STORE_ERROR, detail))
    return last + tasks.frame(tasks.Done((_cpu_seconds() - before) * 1000, memory.peak(), spent))


def _word(output: Output) -> tasks.Rendered:
    return tasks.Rendered(
        output.name,
        output.format,
        output.extension,
        output.width,
        output.height,
        output.dominant_colour,
        output.unmet,
        output.original,
        output.quality,
        output.box,
    )


def _outputs(
    link: socket.socket, task: Task, recipe: Recipe, descriptors: list[int], status_page: StatusPage
) -> Iterator[Output]:
    """The renditions. The keeper is told facts of the original as soon as they are found."""
    with ExitStack() as stack:
        original, *marks = (stack.enter_context(io.BufferedReader(ReadOnly(each), READ_BYTES)) for each in descriptors)
        watermarks = {digest: _whole(mark) for digest, mark in zip(task.watermarks, marks, strict=True)}

        def described(facts: Facts) -> None:
            link.sendall(tasks.frame(tasks.Seen(facts)))

        limits = PipelineLimits(task.pixels_max, task.frames_max)
        yield from run(original, recipe, limits, watermarks, status_page.at, described)


def _whole(mark: BinaryIO) -> bytes:
    mark.seek(0)  # another task's decoder has read it to its end
    return mark.read()


def _cpu_seconds() -> float:
    usage = resource.getrusage(resource.RUSAGE_SELF)
    return usage.ru_utime + usage.ru_stime
