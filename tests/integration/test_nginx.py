"""Behind a real nginx that ends TLS and serves us below a prefix, configured as docs/security.md shows."""

from collections.abc import Callable, Iterator
from pathlib import Path

import httpx2
import pytest

from tests.support.clusters.cluster import Cluster
from tests.support.clusters.nginx import MISSING, NGINX
from tests.support.harnesses.web_harness import png
from tests.support.servers.prefixed import PROXY, prefixed

pytestmark = [
    pytest.mark.cluster,
    pytest.mark.skipif(NGINX is None, reason=MISSING),
]


@pytest.fixture
def site(new_cluster: Callable[..., Cluster], tmp_path: Path) -> Iterator[tuple[Cluster, str]]:
    """A cluster below /pix, and the address of nginx in front of it."""
    cluster = new_cluster(workers=0, root_path="/pix", trusted_proxies=PROXY).start()
    with prefixed(tmp_path, cluster.url) as front:
        yield cluster, front


def test_behind_nginx(site: tuple[Cluster, str]) -> None:
    """Addresses are those that the client can use, and what he says of himself is not believed."""
    cluster, front = site
    image = {"Content-Type": "image/png"}
    lies = {"X-Forwarded-Host": "evil.example", "X-Forwarded-Proto": "ftp", "X-Forwarded-For": "192.0.2.1"}
    told = httpx2.post(f"{front}/pix/upload", content=png(), headers=image | lies).json()
    assert told["status_url"] == f"{front.replace('http:', 'https:')}/pix/jobs/{told['id']}"
    assert httpx2.get(told["status_url"].replace("https:", "http:")).json()["id"] == told["id"]
    page = httpx2.get(f"{front}/pix/")
    assert '<base href="/pix/">' in page.text
    refused = httpx2.get(f"{front}/pix/jobs", headers={"Host": "evil.example"})
    assert (refused.status_code, refused.json()["code"]) == (421, "wrong_host")

    past = httpx2.post(f"{cluster.url}/upload", content=png(filler=b"2"), headers=image | lies)
    assert past.json()["status_url"].startswith(f"{cluster.url}/pix/jobs/")
    with httpx2.stream("GET", told["events_url"].replace("https:", "http:")) as stream:
        assert next(stream.iter_lines()).startswith((":", "event:", "retry:", "id:"))
