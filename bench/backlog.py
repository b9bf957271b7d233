"""A deep queue costs disk, not memory: 100,000 queued jobs and no worker.

The jobs are submitted as by a web process, in POSTs of 100 files with the default preset's recipe. Each POST's
acknowledgement is awaited, so every row is committed (synchronous=FULL). Then the broker's resident memory is read.
Then the broker is killed (SIGKILL) and restarted several times. A restart's time runs from the spawn of `python -m
broker` to the first Assign at a waiting worker; the slowest restart counts.
"""

import contextlib
import os
import secrets
import signal
import subprocess
import sys
import tempfile
import time
from pathlib import Path
from typing import Any

import zmq

from bench.dispatch import Client
from bench.parts.report import close, table
from host.files.folders import endpoint
from jobs import ids, wire
from jobs.job import Original, Spec, encode
from jobs.recipes.presets import load_presets
from jobs.recipes.recipe import canonical

JOBS = 100_000
FILES = 100
"""Jobs of one POST."""
POSTS_AWAITED = 64
RESTARTS = 5
SETTLE_SECONDS = 2.0
RECONNECT_MILLISECONDS = 10
"""As worker/keeper/loop.py has it."""
ROOT = Path(__file__).resolve().parents[1]


def submit_all(client: Client, recipe: str) -> float:
    """Submit all jobs. Returns the seconds until the last one was promised."""
    client.acks.recv_multipart()  # Hello
    begin, sent, promised = time.monotonic(), 0, 0
    while promised < JOBS // FILES:
        while sent < JOBS // FILES and sent - promised < POSTS_AWAITED:
            client.push.send(wire.encode(wire.Submit(client.web, str(sent), time.time(), post(recipe))))
            sent += 1
        assert client.acks.poll(10_000), "no acknowledgement within 10 s"
        message = wire.to_web.decode(client.acks.recv_multipart()[1])
        assert all(ack.outcome == wire.COMMITTED for ack in message.acks), message
        promised += len(message.acks)
        while client.changes.poll(0):
            client.changes.recv_multipart()
    return time.monotonic() - begin


def post(recipe: str) -> list[wire.NewJob]:
    """The jobs of one POST, each of another original."""
    batch, jobs = secrets.token_hex(8), []
    for index in range(FILES):
        job = ids.mint(time.time(), os.urandom(ids.RANDOM_BYTES))
        original = Original(ids.original_name(job), "jpeg", 1600, 1200, 186_398, secrets.token_hex(32))
        spec = encode(Spec(f"IMG_{index:04}.jpg", None, None, "default", recipe, original, "", FILES, index))
        content = secrets.token_bytes(16)
        jobs.append(wire.NewJob(job, "", 1, 1600 * 1200, None, "default", batch, content, spec))
    return jobs


def start_broker(env: dict[str, str]) -> subprocess.Popen[bytes]:
    """`python -m broker`, not yet ready."""
    return subprocess.Popen([sys.executable, "-m", "broker"], cwd=ROOT, env=env)


def first_assign(dealer: Any) -> float:
    """Wait for the first Assign after Ready. Returns the monotonic time of its arrival."""
    dealer.send(wire.encode(wire.Ready(secrets.token_hex(8), "waiting", os.getpid(), 2, "stub", [])))
    while True:
        assert dealer.poll(30_000), "no Assign within 30 s"
        if isinstance(wire.to_worker.decode(dealer.recv()), wire.Assign):
            return time.monotonic()


def memory(pid: int, name: str) -> float:
    """A field of /proc/PID/status in MB (10^6 bytes)."""
    lines = Path(f"/proc/{pid}/status").read_text().splitlines()
    return next(int(line.split()[1]) for line in lines if line.startswith(name + ":")) * 1024 / 1e6


def restart(context: "zmq.Context[Any]", run: Path, env: dict[str, str]) -> tuple[subprocess.Popen[bytes], float]:
    """Start a broker while a worker waits. Returns its process, and the seconds until the first Assign."""
    dealer: Any = context.socket(zmq.DEALER)
    dealer.linger = 0
    dealer.reconnect_ivl = RECONNECT_MILLISECONDS
    dealer.connect(endpoint(run, "workers"))
    begin = time.monotonic()
    broker = start_broker(env)
    try:
        return broker, first_assign(dealer) - begin
    finally:
        dealer.close(0)


def main() -> None:
    """Queue, weigh, restart, print."""
    recipe = canonical(load_presets((ROOT / "recipes.toml").read_text())["default"])
    with tempfile.TemporaryDirectory(prefix="pixmill-bench-") as folder, contextlib.ExitStack() as stack:
        run = Path(folder) / "run"
        own = {"PIXMILL_DATA": str(Path(folder) / "data"), "PIXMILL_RUN": str(run), "PIXMILL_LOG_LEVEL": "warning"}
        env = {**{name: value for name, value in os.environ.items() if not name.startswith("PIXMILL_")}, **own}
        run.mkdir(mode=0o700)
        broker = start_broker(env)
        stack.callback(lambda: broker.kill())
        client = Client(run)
        stack.callback(client.context.destroy, 0)
        seconds = submit_all(client, recipe)
        time.sleep(SETTLE_SECONDS)
        queued, peak = memory(broker.pid, "VmRSS"), memory(broker.pid, "VmHWM")
        times, after = [], 0.0
        for _ in range(RESTARTS):
            broker.send_signal(signal.SIGKILL)
            broker.wait()
            broker, taken = restart(client.context, run, env)
            times.append(taken)
            after = max(after, memory(broker.pid, "VmRSS"))
        report(seconds, queued, peak, after, times)


def report(seconds: float, queued: float, peak: float, after: float, times: list[float]) -> None:
    """The table and the last line."""
    rows = [
        ("broker RSS with all queued, MB", queued),
        ("its peak while they came, MB", peak),
        ("RSS after a restart, MB", after),
        ("restart to first Assign, ms, median", sorted(times)[len(times) // 2] * 1000),
        ("restart to first Assign, ms, slowest", max(times) * 1000),
    ]
    table((f"{JOBS:,} queued jobs, no worker", ""), rows)
    print(f"accepted in {seconds:.1f} s by {JOBS // FILES} POSTs of {FILES} files; {len(times)} restarts after SIGKILL")
    figures = {
        "jobs": JOBS,
        "rss_mb": round(queued, 1),
        "rss_peak_mb": round(peak, 1),
        "rss_restarted_mb": round(after, 1),
        "first_assign_ms_p50": round(sorted(times)[len(times) // 2] * 1000, 1),
        "first_assign_ms_max": round(max(times) * 1000, 1),
    }
    close("backlog", figures)


if __name__ == "__main__":
    main()
