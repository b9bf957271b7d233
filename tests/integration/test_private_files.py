"""What pixmill makes is for its user alone, whoever starts it."""

import os
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import pytest

from host.files.folders import close_folder
from tests.support.clusters.cluster import ROOT, Cluster

pytestmark = pytest.mark.cluster
SAMPLE = (ROOT / "test-data" / "sample.jpg").read_bytes()


def test_no_file_folder_or_socket_can_be_touched_by_others(new_cluster: Callable[..., Cluster]) -> None:
    """Started by somebody who lets everybody do everything (umask 0)."""
    cluster = new_cluster()
    before = os.umask(0)
    try:
        cluster.start()
    finally:
        os.umask(before)
    assert cluster.ended(cluster.upload(SAMPLE)["id"])["state"] == "done"
    made = [cluster.data, *cluster.data.rglob("*"), cluster.run, *cluster.run.rglob("*")]
    open_to_others = [str(path) for path in made if _mode(path) & 0o077]
    assert open_to_others == []
    assert {"ledger.sqlite3", "ledger.sqlite3-shm", "supervisor.sock", "jobs.sock", "key.secret"} <= {
        path.name for path in made
    }


def test_all_that_it_makes_is_known_for_its_own(new_cluster: Callable[..., Cluster], tmp_path: Path) -> None:
    """Else a start would refuse the DATA, or the back-up, of an older version, which others may look into."""
    cluster, to = new_cluster(), tmp_path / "backup"
    env = cluster.environ | {"PIXMILL_BROKERS": "tcp://127.0.0.1:1"}
    subprocess.run([sys.executable, "-m", "broker", "keys"], cwd=ROOT, env=env, check=True, capture_output=True)
    cluster.start()
    cluster.ended(cluster.upload(SAMPLE)["id"])
    subprocess.run([sys.executable, "-m", "stores.backup", str(to)], cwd=ROOT, env=cluster.environ, check=True)
    for folder in (cluster.data, cluster.run, to):
        folder.chmod(0o755)
        close_folder(folder, "it")
        assert _mode(folder) == 0o700
    assert {"curve", "flight", "ledger.sqlite3-wal"} <= set(os.listdir(cluster.data)), "this run shows little"


def _mode(path: Path) -> int:
    try:
        return path.lstat().st_mode & 0o777
    except FileNotFoundError:  # a file that was on its way
        return 0
