"""A disk that fills up or may not be written, files that are damaged or gone: told, nothing accepted is lost."""

import os
import subprocess
import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from jobs.ids import original_name
from jobs.job import State
from stores.ledger.sqlite import SCHEMA
from tests.support.clusters.cluster import ROOT, Cluster, wait_until
from tests.support.clusters.mounts import set_read_only, small_disk
from tests.support.harnesses import old_ledgers
from tests.support.patience import stretched

SAMPLE = (ROOT / "test-data" / "sample.jpg").read_bytes()
DISK_MEBIBYTES, KEPT_MEBIBYTES = 96, 24
pytestmark = pytest.mark.cluster


@contextmanager
def filled(disk: Path, left_bytes: int) -> Iterator[None]:
    """So little is left on the disk."""
    filler = disk / "filler"
    room = os.statvfs(disk)
    with filler.open("wb") as file:
        os.posix_fallocate(file.fileno(), 0, room.f_bavail * room.f_frsize - left_bytes)
    try:
        yield
    finally:
        filler.unlink(missing_ok=True)


def refused(cluster: Cluster) -> tuple[int, str]:
    """Status and code of an upload that is not taken."""
    with cluster.client() as client:
        response = client.post("/upload", files={"image": ("a.jpg", SAMPLE)})
    return response.status_code, response.json()["code"]


def unready(cluster: Cluster) -> list[str]:
    """Why a web process says that it is not ready."""
    with cluster.client() as client:
        reasons: list[str] = client.get("/health/ready").json()["reasons"]
    return reasons


def order(cluster: Cluster, path: str) -> None:
    with cluster.client() as client:
        assert client.post(path).status_code == 200


def accepted(cluster: Cluster, count: int) -> list[str]:
    return [cluster.upload(SAMPLE)["jobs"][0]["id"] for _ in range(count)]


def test_a_nearly_full_disk_takes_no_more_and_ends_what_it_took(new_cluster: Callable[..., Cluster]) -> None:
    cluster = new_cluster(cache_url="none", disk_free_bytes_min=KEPT_MEBIBYTES << 20)
    with small_disk(cluster.data, DISK_MEBIBYTES):
        cluster.start()
        order(cluster, "/queue/pause")
        jobs = accepted(cluster, 3)
        with filled(cluster.data, (KEPT_MEBIBYTES - 1) << 20):
            assert refused(cluster) == (507, "disk_full")
            wait_until(lambda: unready(cluster) == ["disk nearly full"], 10, "the full disk to be the only reason")
            order(cluster, "/queue/resume")
            assert {cluster.ended(job)["state"] for job in jobs} == {"done"}
        assert unready(cluster) == []
        assert cluster.ended(accepted(cluster, 1)[0])["state"] == "done"
        cluster.stop()


def test_a_full_disk_loses_nothing_that_was_accepted(new_cluster: Callable[..., Cluster]) -> None:
    """Not even the ledger can be written: the broker ends, and comes back until there is room."""
    cluster = new_cluster(cache_url="none", workers=0, disk_free_bytes_min=0, attempts_max=50)
    with small_disk(cluster.data, DISK_MEBIBYTES):
        cluster.start()
        jobs = accepted(cluster, 3)
        with filled(cluster.data, 0):
            assert refused(cluster) == (507, "disk_full")
            cluster.ask(do="scale", workers=1)
            wait_until(lambda: cluster.log().count("SQLITE_FULL") >= 2, 20, "the broker to say why it ends, each time")
        cluster.wait_complete()
        ended = [cluster.ended(job) for job in jobs]
        assert [(job["state"], job["error"]) for job in ended] == [("done", None)] * 3
        assert cluster.ended(accepted(cluster, 1)[0])["state"] == "done"
        assert "Traceback" not in cluster.log()
        cluster.stop()


def ends(cluster: Cluster, role: str) -> tuple[int, str]:
    """Status and words of a role that does not start."""
    command = [sys.executable, "-m", role]
    done = subprocess.run(command, cwd=ROOT, env=cluster.environ, capture_output=True, text=True, timeout=stretched(30))
    return done.returncode, done.stderr


def test_a_read_only_data_folder_is_one_sentence(new_cluster: Callable[..., Cluster]) -> None:
    cluster = new_cluster()
    with small_disk(cluster.data, DISK_MEBIBYTES):
        cluster.start().stop()
        cluster.run.mkdir(mode=0o700)
        set_read_only(cluster.data, yes=True)
        for role in ("broker", "web", "worker", "supervisor"):
            status, told = ends(cluster, role)
            assert (status, told.count("\n")) == (2, 1)
            assert told.startswith(f"{role}: the data folder {cluster.data} cannot be written (Read-only file system):")


@pytest.mark.parametrize("damage", ["cut", "overwritten", "gone"])
def test_a_damaged_ledger_is_not_started_on_and_a_restored_one_is(
    new_cluster: Callable[..., Cluster], damage: str
) -> None:
    cluster = new_cluster()
    ledger = old_ledgers.lay_down(SCHEMA, cluster.data)
    good = ledger.read_bytes()
    spoil(ledger, damage)
    spoilt = ledger.read_bytes() if ledger.exists() else b""
    status, told = ends(cluster, "broker")
    assert (status, told.count("\n")) == (2, 1), told
    assert told.startswith(f"broker: the ledger {ledger} ") and "restore it from a backup" in told
    assert spoilt == (ledger.read_bytes() if spoilt else b"")
    cluster.start_role("web", port=cluster.take_port())
    assert set(unready(cluster)) == {"broker unheard", "ledger unreadable"}
    with cluster.client() as client:
        assert client.get(f"/jobs/{old_ledgers.JOBS[State.DONE]}").status_code == 503
    ledger.write_bytes(good)
    for part in ("-wal", "-shm"):
        ledger.with_name(ledger.name + part).unlink(missing_ok=True)
    cluster.start_role("broker")
    wait_until(lambda: unready(cluster) == [], 10, "web to be ready again")
    assert cluster.get(f"/jobs/{old_ledgers.JOBS[State.DONE]}")["state"] == "done"


def spoil(ledger: Path, damage: str) -> None:
    whole = ledger.read_bytes()
    if damage == "gone":
        ledger.unlink()
    elif damage == "cut":
        ledger.write_bytes(whole[: len(whole) // 2])
    else:
        ledger.write_bytes(whole[:100] + b"\xfe" * (len(whole) - 100))


def test_a_deleted_original_ends_its_job_and_no_other(new_cluster: Callable[..., Cluster]) -> None:
    cluster = new_cluster(cache_url="none").start()
    order(cluster, "/queue/pause")
    lost, kept = accepted(cluster, 2)
    (cluster.data / original_name(lost)).unlink()
    order(cluster, "/queue/resume")
    job = cluster.ended(lost)
    assert (job["state"], job["error"]["code"]) == ("dead", "original_missing")
    assert cluster.ended(kept)["state"] == "done"
    with cluster.client() as client:
        assert client.get(f"/jobs/{lost}/original").status_code == 404
