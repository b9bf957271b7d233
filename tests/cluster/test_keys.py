"""Keys on real processes: on a public address, two tenants with equal bytes, and a key that is taken away."""

from collections import Counter
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import httpx2
import pytest

from jobs.access.keys import Scope, entry_of
from tests.support.clusters.cluster import ROOT, Cluster, wait_until
from tests.support.patience import stretched

pytestmark = pytest.mark.cluster
SAMPLE = (ROOT / "test-data" / "sample.jpg").read_bytes()
ACME, BOLT = entry_of("acme", Scope.WRITE, "a"), entry_of("bolt", Scope.WRITE, "b")


def client(cluster: Cluster, key: str) -> httpx2.Client:
    return httpx2.Client(base_url=cluster.url, headers={"Authorization": f"Bearer {key}"}, timeout=30)


def uploaded(cluster: Cluster, key: str) -> dict[str, Any]:
    """An upload's job once it has ended."""
    with client(cluster, key) as http:
        response = http.post(
            "/upload?preset=avatar", content=SAMPLE, headers={"Content-Type": "image/jpeg", "Prefer": "wait=20"}
        )
    assert response.status_code == 200, response.text
    job: dict[str, Any] = response.json()
    return job


def test_a_rate_is_counted_once_over_all_web_processes(new_cluster: Callable[..., Cluster], tmp_path: Path) -> None:
    kept = tmp_path / "keys"
    kept.write_text(f"{ACME}\n{BOLT}\n")
    cluster = new_cluster(api_keys_file=kept, rate_per_minute=12, workers=0, web_processes=2).start()

    def upload(_: int) -> int:
        with client(cluster, "a") as http:
            return http.post("/upload", content=SAMPLE, headers={"Content-Type": "image/jpeg"}).status_code

    with ThreadPoolExecutor(8) as pool:
        codes = Counter(pool.map(upload, range(30)))
    assert codes == {202: 12, 429: 18}
    with client(cluster, "b") as http:
        headers = {"Content-Type": "image/jpeg"}
        assert http.post("/upload", content=SAMPLE, headers=headers).status_code == 202


def test_keys_on_a_public_address(new_cluster: Callable[..., Cluster], tmp_path: Path) -> None:
    kept = tmp_path / "keys"
    kept.write_text(f"{ACME}\n{BOLT}\n")
    cluster = new_cluster(host="0.0.0.0", api_keys_file=kept).start()

    assert httpx2.get(f"{cluster.url}/jobs").status_code == 401
    wait_until(lambda: httpx2.get(f"{cluster.url}/health/ready").status_code == 200, 10, "health, which needs no key")

    first, anothers, again = (uploaded(cluster, key) for key in ("a", "b", "a"))
    assert [(job["cached"], job["attempts"]) for job in (first, anothers, again)] == [(False, 1), (False, 1), (True, 0)]
    with client(cluster, "b") as http:
        assert http.get(f"/jobs/{first['id']}").status_code == 404
        wait_until(lambda: http.get("/stats").json()["jobs"]["done"] == 1, 10, "a beat that counts bolt's job alone")
        opened = http.post("/session", json={"key": "b"})
        assert opened.status_code == 200

    kept.write_text(f"{ACME}\n")
    with client(cluster, "b") as http, http.stream("GET", "/events") as events:
        assert cluster.command("restart").wait(stretched(60)) == 0
        assert sum(map(len, events.iter_bytes()))  # what was open under the key that is gone has ended
    with client(cluster, "b") as http:
        assert http.get("/jobs").status_code == 401
    with httpx2.Client(base_url=cluster.url, cookies=opened.cookies) as http:
        assert http.get("/jobs").json()["code"] == "key_wrong"
    with client(cluster, "a") as http:
        assert len(http.get("/jobs").json()["jobs"]) == 2
        wait_until(lambda: http.get("/stats").json()["jobs"]["done"] == 2, 10, "a beat that counts acme's jobs")
