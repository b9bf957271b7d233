"""Durable no-op jobs a second through the real broker, beside a bare durable loop in the same run.

Jobs have the spec of a 1x1 PNG. There is no cache; two stub workers use the real worker session; 512 jobs are in
flight; synchronous=FULL. The bare loop (bench/floors/bare_loop.py) has the same sockets, messages, table and commits,
but no core. Runs are interleaved; figures are medians. CPU is user and system time of the broker process. The core's
share is measured in a separate run, with a clock around the core.
"""

import contextlib
import functools
import os
import secrets
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any, NamedTuple

import zmq

from bench.parts.report import close, percentile, table
from host.files.folders import endpoint
from host.process.lifeline import die_with_parent
from jobs import ids, wire
from jobs.job import Original, Spec, encode

IN_FLIGHT = 512
CAPACITIES = (2, 64)
ROUNDS = 3
SECONDS = 4.0
WARM_SECONDS = 1.0
RECIPE = '{"renditions":[{"format":"png","height":1,"name":"thumb","width":1}]}'
TICKS = os.sysconf("SC_CLK_TCK")


class Run(NamedTuple):
    """One measured run."""

    jobs_per_second: float
    cpu_us_per_job: float


def cpu_seconds(pid: int) -> float:
    """User and system time of a process so far."""
    fields = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()
    return (int(fields[11]) + int(fields[12])) / TICKS


class Client:
    """Plays a web process: submits jobs so that IN_FLIGHT are under way, and counts those that end."""

    def __init__(self, run: Path) -> None:
        self.context = zmq.Context()
        self.web = secrets.token_hex(8)
        self.push: Any = self.context.socket(zmq.PUSH)
        self.acks: Any = self.context.socket(zmq.SUB)
        self.changes: Any = self.context.socket(zmq.SUB)
        self.acks.subscribe(wire.acks_topic(self.web))
        self.changes.subscribe(wire.CHANGES_TOPIC)
        for sock, name in ((self.push, "jobs"), (self.acks, "receipts"), (self.changes, "changes")):
            sock.linger = 0
            sock.rcvhwm = 100_000
            sock.connect(endpoint(run, name))
        assert self.acks.poll(10_000), "no Hello within 10 s"
        self.done = 0
        self.submitted = 0

    def submit(self) -> None:
        """One POST of one job."""
        at = time.time()
        job = ids.mint(at, os.urandom(ids.RANDOM_BYTES))
        original = Original(ids.original_name(job), "png", 1, 1, 70, "0" * 64)
        spec = encode(Spec("pixel.png", None, None, None, RECIPE, original, ""))
        new = wire.NewJob(job, "", 1, 1, None, None, None, secrets.token_bytes(16), spec)
        self.push.send(wire.encode(wire.Submit(self.web, job, at, [new])))
        self.submitted += 1

    def pump(self) -> None:
        """Count ended jobs, and submit as many new ones."""
        while self.submitted - self.done < IN_FLIGHT:
            self.submit()
        self.changes.poll(100)
        while self.changes.poll(0):
            message = wire.to_web.decode(self.changes.recv_multipart()[1])
            self.done += sum(change.state == "done" for change in message.changes)
        while self.acks.poll(0):
            self.acks.recv_multipart()


@contextlib.contextmanager
def running(*arguments: str, env: dict[str, str]) -> Iterator[subprocess.Popen[str]]:
    """A process that is ended with the context."""
    dies_with_us = functools.partial(die_with_parent, os.getpid())
    process = subprocess.Popen([sys.executable, "-m", *arguments], env=env, text=True, preexec_fn=dies_with_us)
    try:
        yield process
    finally:
        process.terminate()
        process.wait(10)


def measure(kind: str, capacity: int, probe: Path | None = None) -> Run:
    """One run of a fresh broker (or bare loop) with two stub workers."""
    with tempfile.TemporaryDirectory(prefix="pixmill-bench-") as folder, contextlib.ExitStack() as stack:
        data, run = Path(folder) / "data", Path(folder) / "run"
        data.mkdir()
        run.mkdir(mode=0o700)
        own = {"PIXMILL_DATA": str(data), "PIXMILL_RUN": str(run), "PIXMILL_LOG_LEVEL": "warning"}
        env = {**{name: value for name, value in os.environ.items() if not name.startswith("PIXMILL_")}, **own}
        command = {"bare": ("bench.floors.bare_loop", str(data), str(run)), "broker": ("broker",)}[kind]
        if probe is not None:
            command = ("bench.floors.probed_broker", str(probe))
        server = stack.enter_context(running(*command, env=env))
        client = Client(run)
        for name in ("stub-1", "stub-2"):
            stack.enter_context(running("bench.floors.stub_worker", str(run), str(capacity), name, env=env))
        _pump_for(client, WARM_SECONDS, at_least=IN_FLIGHT)
        done, cpu, begin = client.done, cpu_seconds(server.pid), time.monotonic()
        _pump_for(client, SECONDS)
        seconds, jobs = time.monotonic() - begin, client.done - done
        result = Run(jobs / seconds, (cpu_seconds(server.pid) - cpu) / jobs * 1e6)
        if probe is not None:
            server.terminate()
            server.wait(10)
            return Run(result.jobs_per_second, float(probe.read_text()) / client.done * 1e6)
        client.context.destroy(linger=0)
        return result


def _pump_for(client: Client, seconds: float, at_least: int = 0) -> None:
    until, limit = time.monotonic() + seconds, time.monotonic() + seconds + 20
    while time.monotonic() < until or client.done < at_least:
        assert time.monotonic() < limit, f"only {client.done} jobs done"
        client.pump()


def sync_milliseconds() -> list[float]:
    """This disk's fdatasync after a 4 KB write."""
    times = []
    with tempfile.TemporaryFile() as file:
        for _ in range(300):
            os.write(file.fileno(), b"x" * 4096)
            begin = time.perf_counter()
            os.fdatasync(file.fileno())
            times.append((time.perf_counter() - begin) * 1000)
    return times


def main() -> None:
    """Measure, print."""
    runs: dict[tuple[str, int], list[Run]] = {}
    for _ in range(ROUNDS):
        for capacity in CAPACITIES:
            for kind in ("broker", "bare"):
                runs.setdefault((kind, capacity), []).append(measure(kind, capacity))
    with tempfile.TemporaryDirectory() as folder:
        core = measure("broker", 64, Path(folder) / "core").cpu_us_per_job
    syncs = sync_milliseconds()
    rate = {key: statistics.median(run.jobs_per_second for run in found) for key, found in runs.items()}
    cpu = {key: statistics.median(run.cpu_us_per_job for run in found) for key, found in runs.items()}
    rows = [(c, rate["broker", c], rate["bare", c], rate["broker", c] / rate["bare", c]) for c in CAPACITIES]
    table(
        ("capacity", "broker jobs/s", "bare jobs/s", "ratio", "broker CPU us/job", "bare CPU us/job"),
        [(*row, cpu["broker", row[0]], cpu["bare", row[0]]) for row in rows],
    )
    print(f"core: {core:.1f} CPU us a job at capacity 64")
    print(f"{IN_FLIGHT} jobs in flight, no cache, medians of {ROUNDS} interleaved runs of {SECONDS:g} s")
    close(
        "dispatch",
        {
            "jobs_per_second": {str(c): round(rate["broker", c]) for c in CAPACITIES},
            "of_bare_loop": {str(c): round(rate["broker", c] / rate["bare", c], 3) for c in CAPACITIES},
            "core_us_per_job": round(core, 1),
            "broker_us_per_job": round(cpu["broker", 64], 1),
            "sync_ms_p50": round(percentile(syncs, 0.5), 3),
            "sync_ms_p99": round(percentile(syncs, 0.99), 3),
        },
    )


if __name__ == "__main__":
    main()
