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


def test_what_is_made_is_its_user_s_alone_and_known_for_its_own(
    new_cluster: Callable[..., Cluster], tmp_path: Path
) -> None:
    """Started by somebody who lets everybody do everything (umask 0). What is not known for its own would end a start
    on the DATA, or the back-up, of an older version, which others may look into."""
    cluster, to = new_cluster(), tmp_path / "backup"
    env = cluster.environ | {"PIXMILL_BROKERS": "tcp://127.0.0.1:1"}
    before = os.umask(0)
    try:
        subprocess.run([sys.executable, "-m", "broker", "keys"], cwd=ROOT, env=env, check=True, capture_output=True)
        cluster.start()
        assert cluster.ended(cluster.upload(SAMPLE)["id"])["state"] == "done"
        subprocess.run([sys.executable, "-m", "stores.backup", str(to)], cwd=ROOT, env=cluster.environ, check=True)
    finally:
        os.umask(before)
    made = [cluster.data, *cluster.data.rglob("*"), cluster.run, *cluster.run.rglob("*"), to, *to.rglob("*")]
    open_to_others = [str(path) for path in made if _mode(path) & 0o077]
    assert open_to_others == []
    assert {"ledger.sqlite3", "ledger.sqlite3-shm", "supervisor.sock", "jobs.sock", "key.secret"} <= {
        path.name for path in made
    }
    assert {"curve", "flight", "ledger.sqlite3-wal"} <= set(os.listdir(cluster.data)), "this run shows little"
    for folder in (cluster.data, cluster.run, to):
        folder.chmod(0o755)
        close_folder(folder, "it")
        assert _mode(folder) == 0o700


def _mode(path: Path) -> int:
    try:
        return path.lstat().st_mode & 0o777
    except FileNotFoundError:  # a file that was on its way
        return 0
