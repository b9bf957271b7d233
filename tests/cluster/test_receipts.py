"""Receipts over a real cluster: one job for each verdict, told by `pixmill audit`."""

import contextlib
import shutil
import sqlite3
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import pytest

from jobs.job import State
from tests.support.clusters.cluster import ROOT, Cluster, wait_until
from tests.support.patience import stretched

SAMPLE = ROOT / "test-data" / "sample.jpg"
RETENTION_SECONDS = 2.0
pytestmark = pytest.mark.cluster


def client(cluster: Cluster, *words: object) -> tuple[int, str]:
    """Exit status and output of `pixmill` on this cluster."""
    command = [sys.executable, "-m", "pixmill", *map(str, words), "--url", cluster.url]
    done = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, timeout=stretched(60))
    return done.returncode, done.stdout + done.stderr


def copies(folder: Path, count: int) -> list[Path]:
    """Files of the same bytes. Each has its own name, because the command makes one job of what is named alike."""
    return [Path(shutil.copy(SAMPLE, folder / f"{number}.jpg")) for number in range(count)]


def counts(output: str) -> dict[str, int]:
    """The table of an audit, but for what there is none of."""
    rows = [line.split() for line in output.splitlines()]
    return {row[0]: int(row[1]) for row in rows if len(row) == 2 and row[1].isdecimal() and row[1] != "0"}


def lose(cluster: Cluster, job: str) -> None:
    """Delete a row by hand, as a damaged disk might. The broker must be stopped."""
    with contextlib.closing(sqlite3.connect(cluster.data / "ledger.sqlite3")) as ledger, ledger:
        assert ledger.execute("DELETE FROM jobs WHERE id = ?", (job,)).rowcount == 1


def test_every_verdict(new_cluster: Callable[..., Cluster], tmp_path: Path) -> None:
    kept = tmp_path / "receipts.txt"
    cluster = new_cluster(workers=1, cache_url="none").start()
    assert client(cluster, "upload", *copies(tmp_path, 4), "--receipts", kept)[0] == 0
    receipts = kept.read_text().split()
    jobs = [receipt.split(".")[1] for receipt in receipts]
    assert {cluster.ended(job)["state"] for job in jobs} == {State.DONE}
    status, output = client(cluster, "audit", kept)
    assert (status, counts(output)) == (0, {"ended": 4})

    with cluster.client() as http:
        assert http.delete(f"/jobs/{jobs[1]}", params={"purge": "1"}).status_code == 204
        assert http.post("/queue/pause").status_code == 200
    assert client(cluster, "upload", SAMPLE, "--receipts", kept)[0] == 0
    cluster.stop()
    lose(cluster, jobs[2])
    forged = receipts[3].replace(jobs[3], jobs[0])
    kept.write_text(kept.read_text().replace(receipts[3], forged))
    cluster.start()
    status, output = client(cluster, "audit", kept)
    assert (status, counts(output)) == (1, {"ended": 1, "purged": 1, "lost": 1, "forged": 1, "unfinished": 1})
    assert output.splitlines()[-2:] == [f"lost: {receipts[2]}", f"forged: {forged}"]


def test_what_the_retention_took_is_expired_with_its_files(new_cluster: Callable[..., Cluster], tmp_path: Path) -> None:
    kept = tmp_path / "receipts.txt"
    cluster = new_cluster(workers=1, cache_url="none", retention_days=RETENTION_SECONDS / 86_400).start()
    assert client(cluster, "upload", *copies(tmp_path, 2), "--receipts", kept)[0] == 0
    receipts = kept.read_text().split()

    def audited() -> list[str]:
        with cluster.client() as http:
            verdicts: list[str] = http.post("/receipts/audit", json=receipts).json()
        return verdicts

    wait_until(lambda: audited() == ["expired"] * 2, 15, "the retention to take both jobs")
    wait_until(lambda: blobs(cluster) == [], 10, "their files to be swept")
    status, output = client(cluster, "audit", kept)
    assert (status, counts(output)) == (0, {"expired": 2})


def blobs(cluster: Cluster) -> list[Path]:
    """Every original and rendition."""
    return [path for kind in ("raw", "processed") for path in (cluster.data / kind).rglob("*") if path.is_file()]
