"""A whole cluster fetches an original from its address, and makes renditions of it; broker and courier are killed."""

import threading
from collections.abc import Callable
from pathlib import Path

import pytest
from PIL import Image

from pixmill import Client
from tests.support.clusters.cluster import Cluster, wait_until
from tests.support.clusters.fake_broker import end
from tests.support.pictures.images import saved
from tests.support.servers.stranger import Heard, Stranger, answers, stranger

pytestmark = pytest.mark.cluster
SECRET = "s" * 32
PICTURE = saved(Image.new("RGB", (640, 480), "red"), "PNG")


def fetching(new_cluster: Callable[..., Cluster], server: Stranger) -> Cluster:
    """A cluster that may fetch from this server."""
    allow, sources = f"127.0.0.1:{server.port}", f"{server.url}/pics/"
    return new_cluster(couriers=1, egress_allow=allow, sources=sources, webhook_secrets=SECRET).start()


def environ_of(pid: int) -> str:
    """The environment that a process was started with."""
    return Path(f"/proc/{pid}/environ").read_text()


def fetched(cluster: Cluster, url: str) -> str:
    """The job of a fetch."""
    with cluster.client() as client:
        response = client.post("/jobs", json={"source_url": url})
    assert response.status_code == 202, response.text
    return str(response.json()["id"])


def test_an_original_is_fetched_and_made_into_renditions(new_cluster: Callable[..., Cluster]) -> None:
    with stranger(answers("200 OK", body=PICTURE)) as server:
        cluster = fetching(new_cluster, server)
        job = cluster.get(f"/jobs/{fetched(cluster, f'{server.url}/pics/a.png?sig=secret')}", wait=30)
        assert (job["state"], job["attempts"]) == ("done", 1)
        assert (job["original"]["width"], job["original"]["bytes"]) == (640, len(PICTURE))
        assert {line["event"] for line in job["timeline"]} >= {"accepted", "fetching", "fetched", "assigned", "ended"}
        assert [worker["kind"] for worker in cluster.workers(2)].count("courier") == 1
        with cluster.client() as client:
            assert client.get(f"/jobs/{job['id']}/original").content == PICTURE
        assert "secret" not in cluster.log()
        assert SECRET in environ_of(cluster.pids("web")[0])
        assert SECRET not in environ_of(cluster.pids("courier")[0])


def test_the_client_has_an_original_fetched(new_cluster: Callable[..., Cluster]) -> None:
    with stranger(answers("200 OK", body=PICTURE)) as server:
        cluster = fetching(new_cluster, server)
        with Client(cluster.url) as client:
            job = client.fetch(f"{server.url}/pics/a.png", reference="r", wait=60)
        assert (job.state, job.reference, job.source_url) == ("done", "r", f"{server.url}/pics/a.png")


def test_a_source_that_is_gone_fails_the_job(new_cluster: Callable[..., Cluster]) -> None:
    with stranger(answers("404 Not Found")) as server:
        cluster = fetching(new_cluster, server)
        job = cluster.get(f"/jobs/{fetched(cluster, f'{server.url}/pics/a.png')}", wait=30)
        assert (job["state"], job["error"]["code"], job["attempts"]) == ("failed", "source_refused", 0)


def test_killed_couriers_and_brokers_cost_a_repeat(new_cluster: Callable[..., Cluster]) -> None:
    go = threading.Event()

    def script(opened: object, heard: Heard, over: threading.Event) -> None:
        go.wait()
        answers("200 OK", body=PICTURE)(opened, heard, over)  # type: ignore[arg-type]

    with stranger(script) as server:
        try:
            cluster = fetching(new_cluster, server)
            job = fetched(cluster, f"{server.url}/pics/a.png")
            wait_until(lambda: len(server.heard) == 1, 30.0, "the first fetch")
            end(cluster.pids("courier")[0])
            wait_until(lambda: len(server.heard) == 2, 30.0, "the second fetch")
            end(cluster.pids("broker")[0])
            go.set()
            assert cluster.get(f"/jobs/{job}", wait=60)["state"] == "done"
        finally:
            go.set()
