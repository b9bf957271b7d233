"""Shows that an S3 server that is killed, stands still or restarts under load costs no upload and no job.

`python -m torture.servers.s3`; tests/cluster/test_s3.py has a smaller scale. Nothing comes from the result cache.
"""

import sys
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from bench.parts.report import close_scenarios, skipped
from tests.support.clusters.cluster import Cluster
from tests.support.servers.seaweed import ENVIRON, MISSING, SeaweedServer, program
from torture.servers.frame import FAULTS, broken, under_load

FAULT_SECONDS = 20.0
SETTINGS: dict[str, Any] = {"workers": 2, "web_processes": 2, "cache_url": "none"}


def cluster_on(server: SeaweedServer, folder: Path, **settings: object) -> Cluster:
    """A cluster, not yet started, whose blobs are in a prefix of its own."""
    cluster = Cluster(folder, **{**SETTINGS, "blobs_url": server.url(), **settings})
    cluster.environ |= ENVIRON
    return cluster


@contextmanager
def running(folder: Path) -> Iterator[tuple[Cluster, SeaweedServer]]:
    """A server and a cluster on it."""
    server = SeaweedServer()
    try:
        cluster = cluster_on(server, folder)
        try:
            yield cluster.start(), server
        finally:
            cluster.stop()
    finally:
        server.close()


def main() -> int:
    """Each fault in turn, on one cluster."""
    if skipped(program(), MISSING):
        return 0
    with tempfile.TemporaryDirectory(prefix="pixmill-servers-") as folder, running(Path(folder)) as (cluster, server):
        found = {fault: under_load(cluster, server, fault, FAULT_SECONDS) for fault in FAULTS}
    return close_scenarios("servers.s3", found, broken)


if __name__ == "__main__":
    sys.exit(main())
