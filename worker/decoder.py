"""A decoder: one forked, warm process that turns one original at a time into renditions.

Owns pixels and its own limits on memory. Knows no job, store or network: a task and a read-only
descriptor in, encoded bytes out. An error that is no image's fault ends the process.
"""

import errno
import os
import resource
import socket
from collections.abc import Iterator
from contextlib import ExitStack
from pathlib import Path
from typing import BinaryIO

from jobs.errors import BadRecipe, ImageFault
from jobs.job import Code
from jobs.recipe import parse
from worker import tasks
from worker.pipeline import Output, PipelineLimits, run
from worker.tasks import Task

_PAGE_BYTES = resource.getpagesize()
_FORGET_PEAK = b"5"
"""To clear_refs: VmHWM begins anew at the present resident size (proc(5))."""


class Memory:
    """What this process uses and may use, in bytes. /proc's files stay open, for a sandbox to come between."""

    def __init__(self) -> None:
        own = Path("/proc/self")
        self._statm = (own / "statm").open("rb", buffering=0)
        self._status = (own / "status").open("rb", buffering=0)
        self._clear = (own / "clear_refs").open("wb", buffering=0)
        self._base_address, self._base_resident = self._sizes()

    def begin(self, task_bytes: int) -> None:
        """The soft RLIMIT_AS becomes `task_bytes` plus the address space of the fresh decoder."""
        _, hard = resource.getrlimit(resource.RLIMIT_AS)
        resource.setrlimit(resource.RLIMIT_AS, (self._base_address + task_bytes, hard))
        self._clear.write(_FORGET_PEAK)

    def peak(self) -> int:
        """Resident at most since `begin`."""
        self._status.seek(0)
        line = next(line for line in self._status.read().splitlines() if line.startswith(b"VmHWM:"))
        return int(line.split()[1]) * 1024

    def grown(self) -> int:
        """Resident now, beyond what it was at the start."""
        return max(0, self._sizes()[1] - self._base_resident)

    def _sizes(self) -> tuple[int, int]:
        self._statm.seek(0)
        address, resident, *_ = self._statm.read().split()
        return int(address) * _PAGE_BYTES, int(resident) * _PAGE_BYTES


def serve(link: socket.socket) -> None:
    """Work on tasks from `link` until the keeper closes it."""
    memory = Memory()
    while (received := tasks.receive_task(link)) is not None:
        task, descriptors = received
        link.sendall(tasks.frame(tasks.Began()))
        link.sendall(tasks.frame(_work(link, task, descriptors, memory)))


def _work(link: socket.socket, task: Task, descriptors: list[int], memory: Memory) -> tasks.Done | tasks.Fault:
    memory.begin(task.memory_bytes)
    before = _cpu_seconds()
    try:
        for output in _outputs(task, descriptors):
            link.sendall(tasks.frame(_word(output), len(output.data)))
            link.sendall(output.data)
    except ImageFault as fault:
        return tasks.Fault(fault.code, fault.detail, memory.grown())
    except BadRecipe as fault:
        return tasks.Fault(Code.OPERATION_FAILED, fault.detail, memory.grown())
    except MemoryError:
        return tasks.Fault(Code.MEMORY_OVER_LIMIT, f"out of the decoder's {task.memory_bytes} bytes", memory.grown())
    except OSError as fault:
        if fault.errno != errno.EIO:
            raise
        return tasks.Fault(Code.STORE_ERROR, f"the original cannot be read ({fault.strerror})", memory.grown())
    return tasks.Done((_cpu_seconds() - before) * 1000, memory.peak(), memory.grown())


def _word(output: Output) -> tasks.Rendered:
    return tasks.Rendered(
        output.name, output.format, output.extension, output.width, output.height, output.dominant_colour
    )


def _outputs(task: Task, descriptors: list[int]) -> Iterator[Output]:
    with ExitStack() as stack:
        original, *marks = (stack.enter_context(os.fdopen(each, "rb")) for each in descriptors)
        watermarks = {digest: _whole(mark) for digest, mark in zip(task.watermarks, marks, strict=True)}
        limits = PipelineLimits(task.pixels_max, task.frames_max)
        yield from run(original, parse(task.recipe), limits, watermarks)


def _whole(mark: BinaryIO) -> bytes:
    mark.seek(0)  # another task's decoder has read it to its end
    return mark.read()


def _cpu_seconds() -> float:
    usage = resource.getrusage(resource.RUSAGE_SELF)
    return usage.ru_utime + usage.ru_stime
