"""Table 1: no-op jobs a second with 512 under way, and the CPU that a job takes in all processes.

Pixmill's workers here are two processes with the real session of a worker, but without decoder and files; the worker
of a peer calls an empty task, in the process that would make the image. Both sides count: who sends the jobs, the
broker or server, and the workers.
"""

import contextlib
import os
import time
from collections.abc import Callable
from typing import NamedTuple

from bench.beside.figures import Column, Figures, Table
from bench.parts.client import Client
from bench.parts.installation import installation, running
from bench.peers.whole.contenders import Contender
from bench.peers.whole.driver import cpu_ms
from bench.peers.whole.stacks import Programs, Setting
from tests.support.clusters.cluster import wait_until

IN_FLIGHT = 512
WARM_SECONDS = 2.0
START_SECONDS = 60.0
TABLE = Table(
    "dispatch",
    "Dispatch of no-op jobs, 512 under way",
    (Column("jobs_s", "jobs/s"), Column("cpu_us", "CPU us a job, all processes")),
)


class Capacity(NamedTuple):
    """Pixmill with so many jobs for each worker, and this LEDGER_SYNC."""

    jobs: int
    sync: str


OURS = {
    "pixmill": Capacity(64, "full"),
    "pixmill:stock-capacity": Capacity(5, "full"),
    "pixmill:normal": Capacity(64, "normal"),
}
"""The peers prefetch many, as their documentations recommend for short tasks; so does a capacity of 64."""


def ours(capacity: Capacity, seconds: float) -> Figures:
    """Pixmill's broker, its client in this process, and two workers."""
    settings = {"PIXMILL_LEDGER_SYNC": capacity.sync, "PIXMILL_LOG_LEVEL": "error"}
    with contextlib.ExitStack() as stack:
        place = stack.enter_context(installation(lambda: settings))
        stack.enter_context(running(place.environ, "broker"))
        client = Client(place.run, IN_FLIGHT)
        stack.callback(client.context.destroy, linger=0)
        for name in ("stub-1", "stub-2"):
            worker = ("bench.floors.stub_worker", str(place.run), str(capacity.jobs), name)
            stack.enter_context(running(place.environ, *worker))
        client.pump_for(WARM_SECONDS, at_least=IN_FLIGHT)
        return _window(lambda: client.done, lambda: client.pump_for(seconds), [os.getpid()])


def theirs(contender: Contender, setting: Setting, seconds: float) -> Figures:
    """A peer, whose producer keeps as many under way."""
    with contender.open(setting._replace(no_ops=IN_FLIGHT)) as stack:
        assert isinstance(stack, Programs)
        file = stack.folder / "ended"

        def ended() -> int:
            return file.stat().st_size if file.exists() else 0

        wait_until(lambda: ended() >= IN_FLIGHT, START_SECONDS, f"{contender.name} to work: {stack.output()[-2000:]}")
        time.sleep(WARM_SECONDS)
        return _window(ended, lambda: time.sleep(seconds), stack.roots())


def _window(done: Callable[[], int], work: Callable[[], None], roots: list[int]) -> Figures:
    before, cpu, begin = done(), cpu_ms(roots), time.monotonic()
    work()
    jobs, spent = done() - before, cpu_ms(roots) - cpu
    assert jobs, "no job ended in the window"
    return {"jobs_s": jobs / (time.monotonic() - begin), "cpu_us": spent / jobs * 1000}
