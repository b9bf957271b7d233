"""`python -m torture.standby [--ledger postgresql]`: all scenarios at full length. 1 where anything is broken.

With SQLite the brokers are two of one machine. With PostgreSQL they are as on two machines.
"""

import argparse
import sys
import tempfile
from pathlib import Path

from bench.parts.report import close_scenarios, skipped
from tests.support.clusters.cluster import Cluster
from tests.support.clusters.load import Figures
from tests.support.servers.postgres import MISSING, PostgresServer, programs
from torture.standby import machines
from torture.standby.scenarios import (
    KILLS,
    PAUSE_SECONDS,
    RECEIPTS,
    SETTINGS,
    STOPPED_SECONDS,
    broken,
    killed,
    paused,
    receipts,
)


def on_one_machine(folder: Path) -> dict[str, Figures]:
    """The scenarios of two brokers under a supervisor, on SQLite."""
    cluster = Cluster(folder, silence_seconds=30.0, **SETTINGS)
    try:
        cluster.start()
        return {
            "receipts": receipts(cluster, RECEIPTS, 0.0),
            "killed": killed(cluster, KILLS, PAUSE_SECONDS),
            "paused": paused(cluster, STOPPED_SECONDS),
        }
    finally:
        cluster.stop()


def on_two_machines(folder: Path) -> dict[str, Figures]:
    """The scenarios of two brokers as on two machines, on PostgreSQL."""
    server = PostgresServer()
    found: dict[str, Figures] = {}
    try:
        for name in ("killed", "frozen"):
            cluster = Cluster(folder / name)
            cluster.folder.mkdir()
            try:
                pair = machines.Pair(cluster, server.database())
                if name == "killed":
                    found[name] = machines.killed(pair, KILLS, PAUSE_SECONDS)
                else:
                    found[name] = machines.frozen(pair, STOPPED_SECONDS)
            finally:
                cluster.stop()
    finally:
        server.close()
    return found


def main() -> int:
    """Run all of one ledger, print; 1 where anything is broken."""
    parser = argparse.ArgumentParser("python -m torture.standby", description=__doc__)
    parser.add_argument("--ledger", choices=["sqlite", "postgresql"], default="sqlite")
    ledger = parser.parse_args().ledger
    if ledger == "postgresql" and skipped(programs(), MISSING):
        return 0
    on_it = {"sqlite": on_one_machine, "postgresql": on_two_machines}[ledger]
    with tempfile.TemporaryDirectory(prefix="pixmill-bench-") as folder:
        return close_scenarios("standby", on_it(Path(folder)), broken)


if __name__ == "__main__":
    sys.exit(main())
