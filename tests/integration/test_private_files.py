"""What pixmill makes is for its user alone, whoever starts it."""

import os
from collections.abc import Callable
from pathlib import Path

import pytest

from tests.support.cluster import ROOT, Cluster

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


def _mode(path: Path) -> int:
    try:
        return path.lstat().st_mode & 0o777
    except FileNotFoundError:  # a file that was on its way
        return 0
