"""Deliveries that are all due at once, to ten hosts of which one is dead: `python -m bench.courier.deliveries
[--deliveries N]`.

A ledger is filled with N deliveries (100,000), a tenth for each host. Each host is an address of loopback; the dead one
takes connections and never answers. Then a cluster starts. Told: the deliveries a second to the nine hosts in each
third of the time, the broker's resident memory, and the 95th percentile from an upload to the end of its job, beside
the deliveries and without them, in turns: between the turns the courier stands still (SIGSTOP).
"""

import argparse
import asyncio
import multiprocessing
import os
import signal
import tempfile
import time
from multiprocessing.connection import Connection
from pathlib import Path

from bench.parts.processes import memory_mb
from bench.parts.report import close, percentile, table
from jobs.deliveries import DeliveryRow, delivery_id, lane_of
from jobs.ids import mint
from jobs.records import Records
from pixmill.pictures import numbered
from stores.ledger.sqlite import open_ledger
from tests.support.clusters.cluster import Cluster, wait_until

HOSTS, DEAD = 10, 9
DELIVERIES = 100_000
STEP = 1000
UPLOADS, ROUNDS = 50, 8
SECONDS_MAX = 3600.0


class Receivers:
    """Ten hosts: nine answer 204 at once, the last one never. They play machines of others, so they are a process of
    their own, of the lowest priority: what they take of this machine is no cost of pixmill's."""

    def __init__(self, most: int) -> None:
        spawning = multiprocessing.get_context("spawn")
        self._times, self._count = spawning.RawArray("d", most), spawning.RawValue("q", 0)
        mine, theirs = spawning.Pipe()
        self.process = spawning.Process(target=self._run, args=(theirs,), daemon=True)
        self.process.start()
        self.port = mine.recv()

    @property
    def count(self) -> int:
        """How many came."""
        return int(self._count.value)

    @property
    def took(self) -> list[float]:
        """When each delivery came (monotonic seconds)."""
        return list(self._times[: self.count])

    def _run(self, ready: Connection) -> None:
        os.sched_setscheduler(0, os.SCHED_IDLE, os.sched_param(0))
        asyncio.run(self._serve(ready))

    async def _serve(self, ready: Connection) -> None:
        port = 0
        for host in range(HOSTS):
            answer = self._never if host == DEAD else self._at_once
            server = await asyncio.start_server(answer, f"127.0.0.{host + 1}", port)
            port = server.sockets[0].getsockname()[1]
        ready.send(port)
        await asyncio.Event().wait()

    async def _at_once(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        head = await reader.readuntil(b"\r\n\r\n")
        length = next(int(line[15:]) for line in head.lower().split(b"\r\n") if line.startswith(b"content-length:"))
        await reader.readexactly(length)
        if self._count.value < len(self._times):
            self._times[self._count.value] = time.monotonic()
            self._count.value += 1
        writer.write(b"HTTP/1.1 204 No Content\r\nConnection: close\r\n\r\n")
        writer.close()

    async def _never(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await reader.read()
        writer.close()


def fill(path: Path, count: int, port: int) -> None:
    """Write so many deliveries, all due, into a new ledger."""
    ledger, at, body = open_ledger(path), time.time(), b'{"type":"job.done","data":{"text":"' + b"x" * 700 + b'"}}'
    for start in range(1, count + 1, STEP):
        rows = []
        for seq in range(start, min(start + STEP, count + 1)):
            url = f"http://127.0.0.{seq % HOSTS + 1}:{port}/hooks"
            job, lane = mint(at, seq.to_bytes(10, "big")), lane_of("", url)
            rows.append(
                DeliveryRow(seq, delivery_id(seq, 1), "", job, None, lane, url, "job.done", body, seq, at, due_at=at)
            )
        ledger.commit(Records(deliveries=rows))
    ledger.close()


def uploads(cluster: Cluster, count: int, first: int) -> list[float]:
    """Seconds from each upload to the end of its job, one after the other."""
    times = []
    for number in range(first, first + count):
        began = time.monotonic()
        cluster.ended(cluster.upload(numbered(number))["id"])
        times.append(time.monotonic() - began)
    return times


def main() -> None:
    """Fill, start, upload, wait, print."""
    parser = argparse.ArgumentParser("python -m bench.courier.deliveries", description=__doc__)
    parser.add_argument("--deliveries", type=int, default=DELIVERIES)
    count = parser.parse_args().deliveries
    with tempfile.TemporaryDirectory(prefix="pixmill-bench-") as place:
        receivers = Receivers(count + count // HOSTS)
        cluster = Cluster(Path(place), couriers=0, egress_allow=f"127.0.0.0/8:{receivers.port}")
        cluster.data.mkdir(mode=0o700)
        fill(cluster.data / "ledger.sqlite3", count, receivers.port)
        try:
            cluster.start()
            uploads(cluster, UPLOADS, 0)
            idle, beside = list[float](), list[float]()
            [broker] = cluster.pids("broker")
            before = memory_mb(broker, "VmRSS")
            began = time.monotonic()
            courier = cluster.start_role("courier")
            for number in range(ROUNDS):
                beside += uploads(cluster, UPLOADS, (2 * number + 1) * UPLOADS)
                courier.send_signal(signal.SIGSTOP)
                idle += uploads(cluster, UPLOADS, (2 * number + 2) * UPLOADS)
                courier.send_signal(signal.SIGCONT)
            expected = count - count // HOSTS
            wait_until(lambda: receivers.count >= expected, SECONDS_MAX, "the nine hosts to be told")
            took = receivers.took[:expected]
            after, most = memory_mb(broker, "VmRSS"), memory_mb(broker, "VmHWM")
        finally:
            for process in cluster.by_hand:
                process.kill()  # its calls to the dead host would be waited for
            cluster.stop()
            receivers.process.kill()
    thirds = [took[index * expected // 3 - (index == 3)] for index in (1, 2, 3)]
    rates = [expected / 3 / (end - start) for start, end in zip([began, *thirds[:2]], thirds, strict=True)]
    figures = {
        "deliveries": count, "per_second_by_third": [round(rate, 1) for rate in rates],
        "broker_rss_mb": round(before, 1), "broker_rss_after_mb": round(after, 1), "broker_rss_most_mb": round(most, 1),
        "job_p95_ms_idle": round(percentile(idle, 0.95) * 1000, 1),
        "job_p95_ms_beside": round(percentile(beside, 0.95) * 1000, 1),
    }  # fmt: skip
    table(("what", "figure"), [(name, str(value)) for name, value in figures.items()])
    close("webhooks", figures)


if __name__ == "__main__":
    main()
