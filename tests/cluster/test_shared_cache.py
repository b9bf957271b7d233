"""A result is found by every host that shares Redis and the bucket, so equal work is done once, wherever it comes in.

Two hosts are played by two DATA folders: a worker of one sees no file of the other. What a decoder did is counted by
the jobs themselves: a job that a decoder worked on has a cost.
"""

from collections.abc import Callable, Iterator

import pytest

from tests.support.clusters.cluster import Cluster, wait_until
from tests.support.patience import stretched
from tests.support.pictures.images import corners, saved
from tests.support.servers.redis import RedisServer, server_or_skip
from tests.support.servers.seaweed import ENVIRON, SeaweedServer
from torture.servers.shared_cache import SETTINGS, broken, disturbed, restarted

pytestmark = pytest.mark.cluster
STOPPED_SECONDS = 2.0


@pytest.fixture(scope="module")
def server() -> Iterator[RedisServer]:
    found = server_or_skip("one result cache for several hosts")
    yield found
    found.close()


def decodes_on_two_hosts(cluster: Cluster, **settings: object) -> list[bool]:
    """Whether each of two uploads of one image took a decoder: one through each web process, the first one done by a
    worker of this host, the second one by a worker of another host, while there is no other worker."""
    cluster.environ |= ENVIRON
    image, decoded = saved(corners()), list[bool]()
    cluster.start_role("broker", **settings)
    for host in ("one", "two"):
        (cluster.folder / host).mkdir()
        worker = cluster.start_role("worker", **settings | {"data": cluster.folder / host})
        cluster.start_role("web", port=cluster.take_port(), **settings)
        job = cluster.ended(cluster.upload(image)["id"])
        assert job["state"] == "done"
        with cluster.client() as client:
            rendition = job["renditions"][0]
            assert len(client.get(rendition["url"]).raise_for_status().content) == rendition["bytes"]
        decoded.append(job["cost"] is not None)
        assert decoded[-1] != job["cached"]
        worker.terminate()
        worker.wait(stretched(15))
    return decoded


@pytest.mark.parametrize(("shared", "decoded"), [(True, [True, False]), (False, [True, True])])
def test_an_image_that_another_host_has_processed_is_not_decoded_again(
    new_cluster: Callable[..., Cluster], server: RedisServer, seaweed: SeaweedServer, shared: bool, decoded: list[bool]
) -> None:
    """Without Redis, each host has a cache of its own, and decodes."""
    cache = {"cache_url": server.url} if shared else {}
    assert decodes_on_two_hosts(new_cluster(), blobs_url=seaweed.url(), **cache) == decoded


def test_no_password_is_in_logs_or_in_the_output_of_config(
    new_cluster: Callable[..., Cluster], server: RedisServer
) -> None:
    cluster = new_cluster(cache_url=f"redis://pix:secretword@127.0.0.1:{server.port}").start()
    assert cluster.ended(cluster.upload(saved(corners()))["id"])["state"] == "done"
    wait_until(lambda: cluster.get("/health/ready")["warnings"], 5, "a warning")
    (warning,) = cluster.get("/health/ready")["warnings"]
    assert "fails for 1 of 1 workers (it refuses the user or the password)" in warning
    cluster.command("config").wait(stretched(10))
    assert "PIXMILL_CACHE_URL" in cluster.log() and "cache_failing" in cluster.log()
    assert "secretword" not in cluster.log() + warning


def test_a_server_that_stops_or_ends_under_load_costs_no_upload(
    new_cluster: Callable[..., Cluster], server: RedisServer
) -> None:
    cluster = new_cluster(**SETTINGS, cache_url=server.url).start()
    stopped = disturbed(cluster, server, STOPPED_SECONDS)
    assert broken("stopped", stopped) == []
    server.kill()
    assert cluster.ended(cluster.upload(saved(corners()))["id"])["state"] == "done"
    wait_until(lambda: cluster.get("/health/ready")["warnings"], 5, "a warning")
    server.start()
    wait_until(lambda: not cluster.get("/health/ready")["warnings"], 20, "idle workers to ask again")
    killed = restarted(cluster, server, STOPPED_SECONDS)
    assert broken("killed", killed) == []
    assert min(stopped["uploads"], killed["uploads"]) > 10
