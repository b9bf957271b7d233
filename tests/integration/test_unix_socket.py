"""The supervisor, and a web process by hand, on a unix socket."""

import socket
from collections.abc import Callable
from pathlib import Path

import httpx2
import pytest

from tests.support.clusters.cluster import Cluster
from tests.support.harnesses.web_harness import png
from tests.support.patience import stretched

pytestmark = pytest.mark.cluster
IMAGE = {"Content-Type": "image/png"}


def client_of(path: Path) -> httpx2.Client:
    return httpx2.Client(transport=httpx2.HTTPTransport(uds=str(path)), base_url="http://localhost", timeout=30)


def test_the_supervisor_listens_on_a_unix_socket(new_cluster: Callable[..., Cluster], tmp_path: Path) -> None:
    path = tmp_path / "web.sock"
    cluster = new_cluster(workers=0, web_processes=2, host=f"unix:{path}", trusted_proxies="unix").start()
    assert cluster.url == f"unix:{path}"
    assert f"pixmill runs: unix:{path}\n" in cluster.log()
    assert f"curl --unix-socket {path} -F image=@test-data/sample.jpg http://localhost/upload" in cluster.log()
    assert path.stat().st_mode & 0o777 == 0o700
    with client_of(path) as client:
        forwarded = {"X-Forwarded-Proto": "https", "X-Forwarded-Host": "localhost:8443"}
        told = client.post("/upload", content=png(), headers=IMAGE | forwarded).json()
        assert told["status_url"].startswith("https://localhost:8443/jobs/")
        assert client.get("/jobs", headers={"Host": "evil.example"}).json()["code"] == "wrong_host"
    before = set(cluster.pids("web"))
    assert cluster.ask(do="restart") == {"said": "restarted 3 processes"}
    assert not before & set(cluster.pids("web"))
    with client_of(path) as client:
        assert client.get(f"/jobs/{told['id']}").status_code == 200


def test_a_web_process_by_hand_takes_the_place_of_a_killed_one(
    new_cluster: Callable[..., Cluster], tmp_path: Path
) -> None:
    path = tmp_path / "web.sock"
    cluster = new_cluster(host=f"unix:{path}")
    cluster.start_role("web").kill()
    cluster.by_hand[0].wait(stretched(10))
    with socket.socket(socket.AF_UNIX) as stale:
        assert stale.connect_ex(str(path)) != 0
    cluster.start_role("web")
    with client_of(path) as client:
        assert client.get("/health/live").status_code == 200
