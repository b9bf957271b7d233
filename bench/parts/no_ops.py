"""No-op jobs through a broker, for some seconds: how many a second, and the CPU that its process takes.

Two stub workers use the real worker session. Owns the warm-up and the window of the measurement.
"""

import contextlib
import time
from collections.abc import Iterator
from typing import NamedTuple

from bench.parts.client import Client
from bench.parts.installation import Installation, running
from bench.parts.processes import cpu_ms, servers_cpu_ms

IN_FLIGHT = 512
SECONDS = 4.0
WARM_SECONDS = 1.0


class Run(NamedTuple):
    """One measured run. `jobs`: all that ended, the warm-up included. `ready_seconds`: from the spawn of the process to
    its Hello. `server_us_per_job`: CPU of all processes of PostgreSQL; 0 without it."""

    jobs_per_second: float
    cpu_us_per_job: float
    server_us_per_job: float
    jobs: int
    ready_seconds: float


class NoOps:
    """A broker with two stub workers, and the client that keeps it busy. `ready_seconds`: from the spawn of its process
    to its Hello."""

    def __init__(self, pid: int, client: Client, ready_seconds: float) -> None:
        self.pid, self.client, self.ready_seconds = pid, client, ready_seconds

    def measure(self, seconds: float) -> Run:
        """Keep it busy for so long."""
        client = self.client
        done, cpu, server_cpu, begin = client.done, cpu_ms(self.pid), servers_cpu_ms(), time.monotonic()
        client.pump_for(seconds)
        took, jobs = time.monotonic() - begin, client.done - done
        spent, server_spent = cpu_ms(self.pid) - cpu, servers_cpu_ms() - server_cpu
        return Run(jobs / took, spent / jobs * 1000, server_spent / jobs * 1000, client.done, self.ready_seconds)


@contextlib.contextmanager
def no_ops(place: Installation, server: list[str], capacity: int, keyed: bool = False) -> Iterator[NoOps]:
    """`python -m SERVER` and two stub workers of this capacity, warm. With `keyed`, each job has an Idempotency-Key."""
    with contextlib.ExitStack() as stack:
        begin = time.monotonic()
        process = stack.enter_context(running(place.environ, *server))
        client = Client(place.run, IN_FLIGHT, keyed)
        stack.callback(client.context.destroy, linger=0)
        ready = time.monotonic() - begin
        for name in ("stub-1", "stub-2"):
            worker = ("bench.floors.stub_worker", str(place.run), str(capacity), name)
            stack.enter_context(running(place.environ, *worker))
        client.pump_for(WARM_SECONDS, at_least=IN_FLIGHT)
        yield NoOps(process.pid, client, ready)


def dispatch(place: Installation, server: list[str], capacity: int, keyed: bool = False) -> Run:
    """One measured run of `no_ops`."""
    with no_ops(place, server, capacity, keyed) as busy:
        return busy.measure(SECONDS)
