"""Two brokers as on two machines: each has an address, a run folder and a data folder of its own, and both write into
one PostgreSQL. The active one is killed, or stopped for longer than its term.

tests/cluster/faults/test_standby.py asserts this on a smaller scale. Nothing comes from the result cache.
"""

import socket
import subprocess
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from tests.support.clusters.cluster import Cluster, wait_until
from tests.support.clusters.load import Figures, ended_jobs, figures_of, upload_on
from tests.support.clusters.stalls import stopped

HOSTS = ("127.0.0.2", "127.0.0.3")
PORTS_END = 60_000
TAKEN_SECONDS = 15.0
"""A term of a broker that stands still is over long before."""
READY = "broker       ready"
"""In the log at the begin of each term."""


def addresses() -> list[str]:
    """An address for each broker, of four ports in a row."""
    found = []
    for host in HOSTS:
        with socket.create_server((host, 0)) as free:
            found.append(f"tcp://{host}:{min(free.getsockname()[1], PORTS_END)}")
    return found


class Pair:
    """A cluster, started by hand, whose two brokers share the ledger at `url`."""

    def __init__(self, cluster: Cluster, url: str) -> None:
        self._cluster = cluster
        cluster.environ |= {
            "PIXMILL_LEDGER_URL": url, "PIXMILL_CURVE": "0", "PIXMILL_CACHE_URL": "none",
            "PIXMILL_BROKERS": ",".join(addresses()),
        }  # fmt: skip
        self._runs = [Path(tempfile.mkdtemp(prefix="pm-")) for _ in HOSTS]
        self.brokers = [self.start(number) for number in range(len(HOSTS))]
        cluster.start_role("worker")
        cluster.start_role("web", port=cluster.take_port())

    def start(self, number: int) -> subprocess.Popen[bytes]:
        """Start the broker of a machine, which prefers the address of its own."""
        own, *others = sorted(
            self._cluster.environ["PIXMILL_BROKERS"].split(","), key=lambda each: HOSTS[number] not in each
        )
        return self._cluster.start_role(
            "broker", brokers=",".join([own, *others]), run=self._runs[number],
            data=self._cluster.folder / f"broker-{number}",
        )  # fmt: skip

    def wait_for_term(self, number: int) -> None:
        """Wait until this many terms have begun."""
        wait_until(lambda: self._cluster.log().count(READY) >= number, TAKEN_SECONDS, "another broker to take the term")

    @contextmanager
    def load(self) -> Iterator[list[Figures]]:
        """Uploads meanwhile; their figures afterwards."""
        found: list[Figures] = []
        with upload_on(self._cluster, clients=3, pause=0.05) as load:
            time.sleep(1.0)
            yield found
            time.sleep(1.0)
        jobs = ended_jobs(self._cluster, load.accepted)
        found.append({"upload_seconds_max": round(load.seconds_max, 3), **figures_of(load, jobs)})


def killed(pair: Pair, kills: int, pause: float) -> Figures:
    """Kill the active broker so often under load, and start it again as a standby."""
    taken = []
    with pair.load() as figures:
        for number in range(kills):
            victim = number % 2
            pair.brokers[victim].kill()
            pair.brokers[victim].wait()
            began = time.monotonic()
            pair.wait_for_term(number + 2)
            taken.append(time.monotonic() - began)
            pair.brokers[victim] = pair.start(victim)
            time.sleep(max(0.0, pause - (time.monotonic() - began)))
    return {"kills": kills, "taken_seconds_max": round(max(taken), 2), **figures[0]}


def frozen(pair: Pair, seconds: float) -> Figures:
    """Stop the active broker, the first, for longer than its term, under load. The other one takes the term; the one
    that goes on ends by itself, and nothing that it sends counts."""
    first = pair.brokers[0]
    with pair.load() as figures:
        with stopped(first.pid):
            began = time.monotonic()
            pair.wait_for_term(2)
            taken = time.monotonic() - began
            time.sleep(max(0.0, seconds - taken))
        status = first.wait(10)
    return {"stopped_seconds": seconds, "taken_seconds": round(taken, 2), "ended_with": status, **figures[0]}
