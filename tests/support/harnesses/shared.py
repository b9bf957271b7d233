"""One cluster of real processes for many tests, one after the other. Each finds it as if it had just been started.

Owns what is put back between two tests: jobs, the pause, the number of workers, roles started by hand. Knows no test.
"""

from pathlib import Path
from typing import Any

import httpx2

from jobs.errors import SetupFault
from tests.support.clusters.cluster import Cluster, wait_until
from tests.support.patience import stretched

CLEAR_SECONDS = 30.0


class Shared:
    """A cluster in `folder` that is started when it is first asked for. Call `close` at the end.

    `key`: one of scope `operate`, if the `settings` ask for keys. No result is cached, so equal bytes are work in each
    test.
    """

    def __init__(self, folder: Path, key: str = "", **settings: Any) -> None:
        self._folder = folder
        self._settings: dict[str, Any] = {"cache_url": "none", "workers": 1, **settings}
        self._headers = {"Authorization": f"Bearer {key}"} if key else {}
        self._cluster: Cluster | None = None
        self._started = 0

    def fresh(self) -> Cluster:
        """The cluster, as it was when it had just been started. One that cannot be put back fails this test, and the
        next one gets another."""
        if self._cluster is None:
            self._started += 1
            folder = self._folder / str(self._started)
            folder.mkdir()
            self._cluster = Cluster(folder, **self._settings)
            return self._cluster.start()
        try:
            self._put_back(self._cluster)
        except (AssertionError, SetupFault, httpx2.HTTPError):
            self.close()
            raise
        return self._cluster

    def close(self) -> None:
        """End all of its processes."""
        cluster, self._cluster = self._cluster, None
        if cluster:
            cluster.stop()

    def _put_back(self, cluster: Cluster) -> None:
        for process in cluster.by_hand:
            process.terminate()
            process.wait(stretched(15))
        cluster.by_hand.clear()
        cluster.ask(do="scale", workers=self._settings["workers"])
        cluster.wait_complete()
        with httpx2.Client(base_url=cluster.url, headers=self._headers, timeout=stretched(30), verify=False) as client:
            client.post("/queue/resume").raise_for_status()
            wait_until(lambda: _is_empty(client), CLEAR_SECONDS, "all jobs to be gone")


def _is_empty(client: httpx2.Client) -> bool:
    """Cancel and remove all jobs. Returns whether there were none, neither in the ledger nor in the latest beat."""
    if client.get("/jobs", params={"limit": 1}).raise_for_status().json()["jobs"]:
        client.delete("/jobs?all=1").raise_for_status()
        client.delete("/jobs?all=1&purge=1").raise_for_status()
        return False
    told = client.get("/stats").raise_for_status().json()
    return not any(told["jobs"].values()) and not any(worker["jobs"] for worker in told["workers"])
