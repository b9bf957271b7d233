"""How many workers one broker keeps busy: simulated workers on real sockets, jobs of 20 ms, a durable ledger.

The workers (bench/floors/simulated_workers.py) speak the protocol through the real session, but decode nothing, so that
hundreds fit into the machine. The ideal rate is the number of workers / 20 ms. Efficiency is the share of it that was
reached, for each number of workers. A worker waits if the broker gives it its next job too late, or if the simulation
itself has no CPU: its lateness is shown beside, and the CPU of each process. The knee is the first number of workers
below the bar; the process whose CPU, or the machine's, is used up there is its cause.
"""

import argparse
import contextlib
import json
import os
import time
from typing import NamedTuple

from bench.parts.client import Client
from bench.parts.installation import Fresh, installation, ledger_argument, ledgers, running
from bench.parts.processes import cpu_ms
from bench.parts.report import close, table
from host.settings.settings import Settings

WORKERS = (1, 2, 5, 10, 20, 30, 40, 50, 60, 80, 100)
JOB_MS = 20.0
EFFICIENCY, UP_TO = 0.95, 50
SECONDS, WARM_SECONDS = 6.0, 2.0
QUEUED = 300
"""Jobs that wait beside those that workers hold."""


class Run(NamedTuple):
    """One number of workers. `broker`, `simulation`, `client`: how many processors each kept busy. `late_ms`: how late
    the simulation ended a job, on average. `waited_ms`: how long a decoder then waited for the next one."""

    workers: int
    jobs_per_second: float
    efficiency: float
    jobs_a_turn: float
    broker: float
    simulation: float
    client: float
    late_ms: float
    waited_ms: float

    @property
    def cause(self) -> str:
        """What is used up, if anything is."""
        if self.broker > 0.9:
            return "the broker's processor"
        if self.simulation > 0.9:
            return "the simulation's processor"
        if self.broker + self.simulation + self.client > 0.9 * (os.cpu_count() or 1):
            return "the machine's processors"
        return ""


def measure(workers: int, fresh: Fresh) -> Run:
    """A fresh broker with so many workers."""
    capacity = Settings().capacity
    with installation(fresh) as place, contextlib.ExitStack() as stack:
        broker = stack.enter_context(running(place.environ, "broker"))
        client = Client(place.run, workers * capacity + QUEUED)
        stack.callback(client.context.destroy, linger=0)
        report = place.data / "late"
        simulated = ("bench.floors.simulated_workers", str(place.run), str(workers), str(capacity), str(JOB_MS))
        with running(place.environ, *simulated, str(report)) as simulation:
            client.pump_for(WARM_SECONDS, at_least=workers * capacity)
            spent, begin = [cpu_ms(pid) for pid in (broker.pid, simulation.pid, os.getpid())], time.monotonic()
            done, turns = client.done, client.turns
            client.pump_for(SECONDS)
            seconds, jobs, turns = time.monotonic() - begin, client.done - done, client.turns - turns
            broker_share, simulation_share, client_share = (
                (cpu_ms(pid) - before) / seconds / 1000
                for pid, before in zip((broker.pid, simulation.pid, os.getpid()), spent, strict=True)
            )
        found = json.loads(report.read_text())
    rate, late = jobs / seconds, found["late_seconds"] / found["jobs"] * 1000
    efficiency, waited = rate * JOB_MS / 1000 / workers, workers * 1000 / rate - JOB_MS - late
    return Run(
        workers, rate, efficiency, jobs / turns, broker_share, simulation_share, client_share, late, waited
    )  # fmt: skip


def main() -> None:
    """Measure, print."""
    parser = argparse.ArgumentParser("python -m bench.scale")
    parser.add_argument("--workers", type=int, nargs="+", default=WORKERS)
    ledger_argument(parser)
    asked = parser.parse_args()
    with ledgers(asked.ledger) as fresh:
        runs = [measure(workers, fresh) for workers in asked.workers]
    table(
        (
            "workers", "jobs/s", "efficiency", "jobs a turn", "broker CPU", "simulation CPU", "client CPU",
            "late, ms", "waited, ms", "used up",
        ),
        [(*run, run.cause) for run in runs],
    )  # fmt: skip
    below = [run for run in runs if run.efficiency < EFFICIENCY]
    knee = f"{below[0].workers} workers: {below[0].cause or 'nothing is used up'}" if below else "none"
    print(f"jobs of {JOB_MS:g} ms, {asked.ledger}, {os.cpu_count()} processors; bar {EFFICIENCY} up to {UP_TO} workers")
    print(f"knee: {knee}")
    reached = [run.efficiency for run in runs if run.workers <= UP_TO]
    figures = {
        "ledger": asked.ledger,
        "efficiency": {str(run.workers): round(run.efficiency, 3) for run in runs},
        "jobs_per_second_max": round(max(run.jobs_per_second for run in runs)),
        f"least_up_to_{UP_TO}": round(min(reached, default=0.0), 3),
        "knee_workers": below[0].workers if below else None,
    }
    close("scale", figures)


if __name__ == "__main__":
    main()
