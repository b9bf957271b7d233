"""A whole cluster on a bucket: an upload and what becomes of it, redirects, orphans, and a store that is away."""

import os
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import httpx2
import pytest

from jobs.ids import mint, original_name
from stores.blobs.s3.driver import MARK, PROBE
from tests.support.clusters.cluster import ROOT, Cluster, wait_until
from tests.support.patience import stretched
from tests.support.servers.seaweed import BUCKET, SECRET, SeaweedServer, seaweed_or_skip
from torture.servers.frame import broken, under_load, whole
from torture.servers.s3 import cluster_on

SAMPLE = ROOT / "test-data" / "sample.jpg"
ORPHAN_SECONDS = 4.0
OLD = 1_000_000_000.0
pytestmark = pytest.mark.cluster


@pytest.fixture
def on_bucket(seaweed: SeaweedServer, tmp_path: Path) -> Iterator[Callable[..., Cluster]]:
    """Starts a cluster on a prefix of its own."""
    started = list[Cluster]()

    def start(**settings: object) -> Cluster:
        started.append(cluster_on(seaweed, tmp_path, workers=1, web_processes=1, **settings))
        return started[-1].start()

    yield start
    for cluster in started:
        cluster.stop()


def in_bucket(server: SeaweedServer, cluster: Cluster) -> set[str]:
    """The names of all blobs of a cluster, by a client of another project."""
    prefix = cluster.environ["PIXMILL_BLOBS_URL"].removeprefix(f"s3://{BUCKET}/").partition("?")[0] + "/"
    found = server.client().list_objects_v2(Bucket=BUCKET, Prefix=prefix).get("Contents", [])
    return {each["Key"].removeprefix(prefix) for each in found} - {PROBE, MARK}


def done(cluster: Cluster) -> dict[str, Any]:
    job = cluster.ended(cluster.upload(SAMPLE.read_bytes())["jobs"][0]["id"])
    assert (job["state"], job["attempts"]) == ("done", 1)
    return job


def test_originals_and_renditions_are_in_the_bucket_and_nowhere_else(
    seaweed: SeaweedServer, on_bucket: Callable[..., Cluster]
) -> None:
    cluster = on_bucket(orphan_seconds=ORPHAN_SECONDS, accept_seconds=ORPHAN_SECONDS / 2)
    assert "conditional writes are kept" in cluster.log()
    with cluster.client() as client:  # a loaded machine's broker may be unheard for a moment
        wait_until(lambda: client.get("/health/ready").json()["status"] == "ready", 10.0, "web to be ready")
    job = done(cluster)
    assert whole(cluster, job)
    kept = in_bucket(seaweed, cluster)
    assert original_name(job["id"]) in kept
    assert len(kept) == 1 + len(job["renditions"])
    assert not [path for kind in ("raw", "processed", "incoming") for path in (cluster.data / kind).rglob("*")]
    with cluster.client() as client:
        path, size = f"/jobs/{job['id']}/original", SAMPLE.stat().st_size
        part = client.get(path, headers={"Range": f"bytes={size - 10}-"})
        assert (part.status_code, part.content) == (206, SAMPLE.read_bytes()[-10:])
        assert client.head(path).headers["content-length"] == str(size)
    prefix = cluster.environ["PIXMILL_BLOBS_URL"].removeprefix(f"s3://{BUCKET}/").partition("?")[0]
    orphan = original_name(mint(OLD, os.urandom(10)))
    seaweed.client().put_object(Bucket=BUCKET, Key=f"{prefix}/{orphan}", Body=b"left behind")
    wait_until(lambda: orphan not in in_bucket(seaweed, cluster), 30.0, "the orphan to go")
    assert in_bucket(seaweed, cluster) == kept
    with cluster.client() as client:
        client.delete(f"/jobs/{job['id']}?purge=1").raise_for_status()
    wait_until(lambda: not in_bucket(seaweed, cluster), 10.0, "the blobs of a purged job to go")


def done_of(cluster: Cluster, cached: bool) -> dict[str, Any]:
    job = cluster.ended(cluster.upload(SAMPLE.read_bytes())["jobs"][0]["id"])
    assert (job["state"], job["cached"]) == ("done", cached)
    return job


def test_equal_bytes_are_copied_in_the_bucket_and_a_redirect_brings_them_as_web_would(
    seaweed: SeaweedServer, on_bucket: Callable[..., Cluster]
) -> None:
    cluster = on_bucket(blobs_redirect=1, cache_url="")
    first, job = done_of(cluster, cached=False), done_of(cluster, cached=True)
    assert len(in_bucket(seaweed, cluster)) == 2 * (1 + len(first["renditions"]))
    thumb = f"/jobs/{job['id']}/renditions/thumb"
    with cluster.client() as client:
        answer, again = client.get(thumb), client.get(thumb)
        assert (answer.status_code, again.headers["location"]) == (302, answer.headers["location"])
        assert answer.headers["cache-control"].startswith("public, max-age=")
        ours = client.head(thumb)
        assert ours.status_code == 200
        assert client.get(thumb, headers={"If-None-Match": ours.headers["etag"]}).status_code == 304
        assert client.get(f"/jobs/{job['id']}/original").status_code == 200
    theirs = httpx2.get(answer.headers["location"])
    assert theirs.status_code == 200
    for name in ("content-type", "content-disposition", "content-length", "cache-control"):
        assert theirs.headers[name] == ours.headers[name], name


def test_a_wrong_secret_ends_a_start_with_the_sentence_that_mends_it(seaweed: SeaweedServer, tmp_path: Path) -> None:
    cluster = cluster_on(seaweed, tmp_path)
    cluster.environ["AWS_SECRET_ACCESS_KEY"] = f"not {SECRET}"
    try:
        for role in ("web", "worker"):
            with pytest.raises(AssertionError, match="correct AWS_SECRET_ACCESS_KEY"):
                cluster.start_role(role, port=cluster.take_port())
    finally:
        cluster.stop()


def test_a_store_that_stands_still_or_restarts_under_load_costs_nothing(tmp_path: Path) -> None:
    server = seaweed_or_skip("blobs in S3 that stop under load")
    try:
        cluster = cluster_on(server, tmp_path).start()
        try:
            for fault in ("stopped", "killed"):
                figures = under_load(cluster, server, fault, seconds=3.0, clients=2)
                assert broken(fault, figures) == [], figures
                assert figures["uploads"] > 5
        finally:
            cluster.stop()
    finally:
        server.close()


def test_a_store_that_is_away_is_no_202_and_is_said(seaweed: SeaweedServer, on_bucket: Callable[..., Cluster]) -> None:
    cluster = on_bucket()
    job = done(cluster)
    with seaweed.stopped(), cluster.client() as client:
        answer = client.post("/upload", files={"image": ("a.jpg", SAMPLE.read_bytes())})
        assert (answer.status_code, answer.json()["code"]) == (503, "store_error")
        assert "retry-after" in answer.headers
        assert client.get(f"/jobs/{job['id']}/renditions/thumb").status_code == 503
        health = client.get("/health/ready")
        assert health.status_code == 503
        assert any("the store did not answer" in reason for reason in health.json()["reasons"])
    with cluster.client() as client:
        wait_until(lambda: client.get("/health/ready").status_code == 200, 30.0, "web to be ready")
    wait_until(lambda: stored(cluster), 30.0, "uploads to go on")


def stored(cluster: Cluster) -> bool:
    """Whether an upload gets a 202."""
    with cluster.client() as client:
        return client.post("/upload", files={"image": ("a.jpg", SAMPLE.read_bytes())}).status_code == 202


def test_a_second_installation_on_one_prefix_is_refused(seaweed: SeaweedServer, tmp_path: Path) -> None:
    url = seaweed.url()
    first, second = (cluster_on(seaweed, tmp_path / name, blobs_url=url) for name in ("first", "second"))
    for cluster in (first, second):
        cluster.folder.mkdir()
    try:
        first.start_role("broker").terminate()
        first.by_hand[0].wait(stretched(10))
        first.start_role("broker")
        with pytest.raises(AssertionError, match=r"belongs to the ledger .*, and ours is .*: set PIXMILL_BLOBS_URL"):
            second.start_role("broker")
    finally:
        first.stop()
        second.stop()
