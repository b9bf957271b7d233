"""Behind a real nginx that ends TLS and serves us below a prefix, configured as docs/security.md shows."""

import re
import subprocess
from collections.abc import Callable, Iterator
from pathlib import Path

import httpx2
import pytest

from tests.support.clusters.cluster import ROOT, Cluster, wait_until
from tests.support.clusters.nginx import MISSING, NGINX, free_port
from tests.support.harnesses.web_harness import png
from tests.support.patience import stretched

PROXY = "127.0.0.2"
"""Where nginx calls from, so that a client on 127.0.0.1 is a stranger."""
CONF = """
daemon off; worker_processes 1; pid {folder}/pid; error_log {folder}/error.log;
events {{ worker_connections 256; }}
http {{
  access_log off;
  client_body_temp_path {folder}/body; proxy_temp_path {folder}/proxy; fastcgi_temp_path {folder}/fastcgi;
  uwsgi_temp_path {folder}/uwsgi; scgi_temp_path {folder}/scgi;
  server {{ listen 127.0.0.1:{port}; proxy_bind {proxy}; {location} }}
}}
"""

pytestmark = [
    pytest.mark.cluster,
    pytest.mark.skipif(NGINX is None, reason=MISSING),
]


def documented(port: int) -> str:
    """The location of docs/security.md, towards us; nginx here has no certificate, so its scheme is told."""
    shown = re.search(r"```nginx\n(.*?)```", (ROOT / "docs/security.md").read_text(), re.S)
    assert shown
    assert "127.0.0.1:3000" in shown[1]
    return shown[1].replace("127.0.0.1:3000", f"127.0.0.1:{port}").replace("$scheme", "https")


@pytest.fixture
def site(new_cluster: Callable[..., Cluster], tmp_path: Path) -> Iterator[tuple[Cluster, str]]:
    """A cluster below /pix, and the address of nginx in front of it."""
    cluster = new_cluster(workers=0, root_path="/pix", trusted_proxies=PROXY).start()
    port = free_port()
    location = documented(int(cluster.url.rpartition(":")[2]))
    conf = tmp_path / "nginx.conf"
    conf.write_text(CONF.format(folder=tmp_path, port=port, proxy=PROXY, location=location))
    log = tmp_path / "error.log"
    nginx = subprocess.Popen([str(NGINX), "-p", str(tmp_path), "-c", str(conf), "-e", str(log)], process_group=0)
    try:
        wait_until(lambda: _answers(port), 10, f"nginx to answer; {log.read_text() if log.exists() else ''}")
        yield cluster, f"http://localhost:{port}"
    finally:
        nginx.terminate()
        nginx.wait(stretched(10))


def _answers(port: int) -> bool:
    try:
        return httpx2.get(f"http://localhost:{port}/pix/health/live").status_code == 200
    except httpx2.TransportError:
        return False


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
