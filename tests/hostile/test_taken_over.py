"""A decoder that a stranger's original has taken over, in real processes: it gives nothing of another tenant away."""

import io
from collections.abc import Callable
from typing import Any

import httpx2
import pytest
from PIL import Image

from jobs.access.keys import Scope, entry_of
from tests.support.clusters import taken_over
from tests.support.clusters.cluster import Cluster
from tests.support.clusters.taken_over import KEEP, SECRET, TELL

pytestmark = pytest.mark.cluster
TENANTS = ("acme", "mallory")
RECIPE = '{"renditions": [{"name": "a", "width": 9, "height": 9, "fit": "fill", "enlarge": true, "format": "jpeg"}]}'
CAPTION = 0x010E


class Clients:
    """What two tenants do with one worker."""

    def __init__(self, cluster: Cluster) -> None:
        self._cluster = cluster
        self._made = 0

    def upload(self, tenant: str, words: bytes) -> dict[str, Any]:
        """A picture with these words in its caption and behind its end, once its job has ended."""
        self._made += 1
        stream, exif = io.BytesIO(), Image.Exif()
        exif[CAPTION] = words.decode()
        noise = Image.effect_noise((600, 400 + self._made), 90).convert("RGB")
        noise.save(stream, "JPEG", exif=exif.tobytes())
        headers = {"Content-Type": "image/jpeg", "Prefer": "wait=20"}
        with self._client(tenant) as http:
            response = http.post(
                "/upload", params={"recipe": RECIPE}, content=stream.getvalue() + words, headers=headers
            )
        assert response.status_code == 200, response.text
        job: dict[str, Any] = response.json()
        assert job["state"] == "done", job["error"]
        return job

    def told(self, tenant: str) -> bytes:
        """What the decoder gives away that this tenant has taken over."""
        job = self.upload(tenant, TELL)
        with self._client(tenant) as http:
            return http.get(job["renditions"][0]["url"]).content

    def _client(self, tenant: str) -> httpx2.Client:
        return httpx2.Client(base_url=self._cluster.url, headers={"Authorization": f"Bearer {tenant}"}, timeout=30)


@pytest.fixture
def clients(new_cluster: Callable[..., Cluster]) -> Clients:
    keys = ",".join(entry_of(tenant, Scope.WRITE, tenant) for tenant in TENANTS)
    cluster = new_cluster(api_keys=keys, cache_url="none")
    cluster.environ["PIXMILL_PORT"] = str(cluster.take_port())
    cluster.start_role("broker")
    cluster.start_role("web")
    cluster.runner = [taken_over.__name__]
    cluster.start_role("worker")
    return Clients(cluster)


def test_a_decoder_that_was_taken_over_has_seen_its_own_tenant_alone(clients: Clients) -> None:
    """Neither what came before it, in memory that was freed, nor what came after."""
    for number in range(3):
        clients.upload("acme", SECRET + b"of acme, before %d" % number)
    clients.upload("mallory", KEEP)
    clients.upload("mallory", SECRET + b"of mallory")
    told = clients.told("mallory")
    assert SECRET + b"of mallory" in told, "this attack would find nothing anywhere"
    assert b"of acme" not in told

    clients.upload("mallory", KEEP)
    clients.upload("acme", SECRET + b"of acme, after")
    assert b"of acme" not in clients.told("mallory")
