"""The flight recorder of real brokers, one of them killed under load: decided again, it ends in the ledger."""

import os
import shutil
import signal
import subprocess
import sys
import time
from collections.abc import Callable

import pytest

from tests.support.clusters.cluster import ROOT, Cluster, alive, wait_until
from tests.support.clusters.load import Load
from tests.support.patience import stretched

SAMPLE = ROOT / "test-data" / "sample.jpg"
LOAD_SECONDS = 0.7
pytestmark = pytest.mark.cluster


def test_the_flight_of_a_killed_broker_ends_in_the_ledger(new_cluster: Callable[..., Cluster]) -> None:
    cluster = new_cluster(workers=2, cache_url="none").start()
    with Load(cluster.url, SAMPLE) as load:
        time.sleep(LOAD_SECONDS)
        (broker,) = cluster.pids("broker")
        os.kill(broker, signal.SIGKILL)
        wait_until(lambda: not alive(broker), 5, "the broker to be gone")
        cluster.wait_complete()
        time.sleep(LOAD_SECONDS)
    load.check()
    for job in load.accepted:
        cluster.ended(job)
    with cluster.client() as client:
        assert client.delete(f"/jobs/{load.accepted[0]}", params={"purge": 1}).status_code in (200, 202, 204)
    cluster.stop()
    kept = cluster.keep_flight()
    try:
        command = [sys.executable, "-m", "broker", "replay", str(kept), "--ledger", str(kept / "ledger.sqlite3")]
        done = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, timeout=stretched(60))
        assert done.returncode == 0, done.stdout[-2000:] + done.stderr
        *jobs, replayed, verdict = done.stdout.splitlines()
        assert {line.split()[0] for line in jobs} >= set(load.accepted)
        assert replayed.startswith("2 segments, ")
        assert f"{len(jobs)} equal" in verdict
    finally:
        shutil.rmtree(kept)
