"""Files that no row names go, and no others: over real processes and a short ORPHAN_SECONDS."""

import os
import time
from collections.abc import Callable
from pathlib import Path

import pytest

from jobs.ids import mint, original_name, rendition_name
from tests.support.clusters.cluster import ROOT, Cluster, wait_until

SAMPLE = ROOT / "test-data" / "sample.jpg"
ORPHAN_SECONDS = 4.0
OLD = 1_000_000_000.0
pytestmark = pytest.mark.cluster


def plant(cluster: Cluster, name: str) -> Path:
    """A file of long ago."""
    path = cluster.data / name
    cluster.data.mkdir(mode=0o700, parents=True, exist_ok=True)  # a wider one that has only `raw` is not closed for us
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_bytes(b"left behind")
    os.utime(path, (OLD, OLD))
    return path


def files(cluster: Cluster) -> set[Path]:
    """Every original, rendition and file on its way."""
    kinds = [cluster.data / kind for kind in ("raw", "processed", "incoming")]
    return {path for kind in kinds for path in kind.rglob("*") if path.is_file()}


def scanned_once(cluster: Cluster) -> None:
    """An orphan scan that began after this call has come to the end of all names."""
    last = cluster.data / "raw/zz/zz"
    for _ in range(2):  # the first one may have begun before
        plant(cluster, "raw/zz/zz")
        wait_until(lambda: not last.exists(), 3 * ORPHAN_SECONDS, "the last name of an orphan scan to go")


def test_exactly_the_files_that_no_row_names_go(new_cluster: Callable[..., Cluster]) -> None:
    cluster = new_cluster(workers=1, cache_url="none", orphan_seconds=ORPHAN_SECONDS, accept_seconds=ORPHAN_SECONDS / 2)
    never = mint(OLD, b"0123456789")
    early = plant(cluster, original_name(never))
    cluster.start()
    done = cluster.upload(SAMPLE.read_bytes())["jobs"][0]["id"]
    assert cluster.ended(done)["state"] == "done"
    with cluster.client() as client:
        assert client.post("/queue/pause").status_code == 200
    waits = cluster.upload(SAMPLE.read_bytes())["jobs"][0]["id"]
    kept = files(cluster) - {early}
    assert len(kept) == 4, "two originals and two renditions"
    orphans = {
        plant(cluster, rendition_name(done, "thumb", "0" * 64, "jpg")),
        plant(cluster, rendition_name(never, "thumb", "0" * 64, "jpg")),
        plant(cluster, f"raw/{never[-2:]}/no-id-at-all"),
        plant(cluster, "incoming/0123456789abcdef"),
    }
    for path in kept:
        os.utime(path, (OLD, OLD))
    young = cluster.data / "raw" / "zz" / mint(time.time() + 3600.0, b"0123456789")
    young.parent.mkdir(parents=True, exist_ok=True)
    young.write_bytes(b"its submit may come")
    os.utime(young, (OLD, OLD))
    scanned_once(cluster)
    assert not early.exists()
    assert files(cluster) == kept | {young}, f"{orphans & files(cluster)} stayed"
    with cluster.client() as client:
        assert client.post("/queue/resume").status_code == 200
    assert cluster.ended(waits)["state"] == "done"


def test_files_that_cannot_be_deleted_are_told(new_cluster: Callable[..., Cluster]) -> None:
    """Until somebody looked into a worker's log, nobody knew."""
    cluster = new_cluster().start()
    job = cluster.ended(cluster.upload(SAMPLE.read_bytes())["id"])["id"]
    original = cluster.data / original_name(job)
    original.unlink()
    original.mkdir()  # root may delete any file
    assert cluster.get("/health/ready")["warnings"] == []
    with cluster.client() as client:
        assert client.delete(f"/jobs/{job}", params={"purge": "1"}).status_code == 204
    wait_until(lambda: cluster.get("/health/ready")["warnings"], 10, "a warning")
    assert "deletions of files fail (1)" in cluster.get("/health/ready")["warnings"][0]
    told = cluster.get("/stats")["sweeps"]
    assert (told["waiting"], told["failing"]) == (1, 1)
    assert original_name(job) in told["why"]
