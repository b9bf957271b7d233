"""Each alert of deploy/prometheus on a real cluster: its cause makes a real Prometheus fire it, and it clears.

The rules are those of the file, but for their patience: no `for`, windows of 8 s, and waits of 2 s in place of minutes.
PixmillDrillFailing is of another program's metrics: deploy/prometheus/rules.test.yml has its cause in samples.
"""

import contextlib
import json
import os
import shutil
import signal
import subprocess
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

import httpx2
import pytest
from ruamel.yaml import YAML

from jobs.ids import original_name
from tests.support.clusters.cluster import ROOT, Cluster, wait_until
from tests.support.clusters.mounts import small_disk
from tests.support.clusters.stalls import stopped
from tests.support.house.needs import lacking
from tests.support.pictures.images import TEST_DATA
from tests.support.servers.process import OneProcess

pytestmark = pytest.mark.cluster
HURRIED = {
    "[2m]": "[8s]", "[5m]": "[8s]", "[10m]": "[8s]",
    "_age_seconds) > 10": "_age_seconds) > 2", "> 300": "> 2", "> 3600": "> 2",
}  # fmt: skip
"""What stands for what: waits and windows only."""
ELSEWHERE = {"PixmillDrillFailing"}
MEBIBYTE = 1 << 20
DISK_MEBIBYTES, KEPT = 160, 24 * MEBIBYTE
WITHIN_SECONDS = 75.0
PICTURE = (TEST_DATA / "1x1.png").read_bytes()
PHOTO = (TEST_DATA / "12mp.jpg").read_bytes()


def hurried_rules() -> dict[str, Any]:
    """The rules without patience."""
    rules: dict[str, Any] = YAML(typ="safe").load((ROOT / "deploy/prometheus/rules.yml").read_text())
    used = set()
    for rule in rules["groups"][0]["rules"]:
        rule.pop("for", None)
        for patient, hurried in HURRIED.items():
            if patient in rule["expr"]:
                used.add(patient)
                rule["expr"] = rule["expr"].replace(patient, hurried)
    assert used == set(HURRIED), "the rules have other words now"
    return rules


class Prometheus(OneProcess):
    """A Prometheus that scrapes one cluster each second."""

    def __init__(self, folder: Path, target: str, port: int) -> None:
        if (program := shutil.which("prometheus")) is None:
            lacking("there is no prometheus: apt-get install prometheus")
        (folder / "rules.yml").write_text(json.dumps(hurried_rules()))  # JSON is YAML
        scrape = {"job_name": "pixmill", "static_configs": [{"targets": [target]}]}
        every = {"scrape_interval": "1s", "scrape_timeout": "1s", "evaluation_interval": "1s"}
        config = {"global": every, "rule_files": ["rules.yml"], "scrape_configs": [scrape]}
        (folder / "prometheus.yml").write_text(json.dumps(config))
        self._url = f"http://127.0.0.1:{port}/api/v1/alerts"
        self.process = subprocess.Popen(
            [program, f"--config.file={folder}/prometheus.yml", f"--storage.tsdb.path={folder}/tsdb",
             f"--web.listen-address=127.0.0.1:{port}", "--log.level=error"],
            stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL,
        )  # fmt: skip

    def firing(self) -> set[str]:
        """The alerts that fire now."""
        with contextlib.suppress(httpx2.HTTPError, ValueError):  # it answers no JSON while it begins
            alerts = httpx2.get(self._url, timeout=5).json()["data"]["alerts"]
            return {alert["labels"]["alertname"] for alert in alerts if alert["state"] == "firing"}
        return set()


class Receiver:
    """A receiver of webhooks that fails until `well`."""

    def __init__(self) -> None:
        self.well = False
        outer = self

        class Handler(BaseHTTPRequestHandler):
            def do_POST(self) -> None:
                self.rfile.read(int(self.headers["Content-Length"]))
                self.send_response(204 if outer.well else 500)
                self.end_headers()

            def log_message(self, *_: Any) -> None:
                """Nobody reads it."""

        self._server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self.port = self._server.server_port
        threading.Thread(target=self._server.serve_forever, daemon=True).start()

    def close(self) -> None:
        """End."""
        self._server.shutdown()
        self._server.server_close()


class Site:
    """A cluster on a small disk, its Prometheus, and a receiver."""

    def __init__(self, cluster: Cluster, prometheus: Prometheus, receiver: Receiver) -> None:
        self.cluster, self.prometheus, self.receiver = cluster, prometheus, receiver

    def post(self, path: str, **query: str) -> None:
        with self.cluster.client() as client:
            client.post(path, params=query).raise_for_status()

    def fill(self, left: int) -> Path:
        """A file that leaves so many bytes free."""
        path = self.cluster.data / "filler"
        found = os.statvfs(self.cluster.data)
        with path.open("wb") as file:
            os.posix_fallocate(file.fileno(), 0, found.f_bavail * found.f_frsize - left)
        return path

    def upload(self, image: bytes = PICTURE, **fields: str) -> str:
        job: str = self.cluster.upload(image, **fields)["id"]
        return job


@pytest.fixture(scope="module")
def site(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Site]:
    folder, receiver = tmp_path_factory.mktemp("alerts"), Receiver()
    with small_disk(folder / "data", DISK_MEBIBYTES):
        cluster = Cluster(
            folder, workers=1, couriers=1, silence_seconds=1.5, disk_free_bytes_min=KEPT,
            egress_allow=f"127.0.0.1:{receiver.port}", cache_url="none",
        )  # fmt: skip
        prometheus: Prometheus | None = None
        try:
            cluster.start()
            port = Cluster.take_port(other := Cluster(folder / "port"))
            shutil.rmtree(other.run)
            (folder / "prometheus").mkdir()
            prometheus = Prometheus(folder / "prometheus", cluster.url.partition("//")[2], port)
            wait_until(lambda: prometheus and prometheus.process and prometheus.process.poll() is None, 5, "Prometheus")
            yield Site(cluster, prometheus, receiver)
        finally:
            if prometheus is not None:
                prometheus.kill()
            receiver.close()
            cluster.stop(30)


@contextlib.contextmanager
def paused_web(site: Site) -> Iterator[None]:
    with stopped(*site.cluster.pids("web")):
        yield


@contextlib.contextmanager
def paused_broker(site: Site) -> Iterator[None]:
    with stopped(*site.cluster.pids("broker")):
        yield


@contextlib.contextmanager
def full_disk(site: Site) -> Iterator[None]:
    """Uploads are refused, and come on."""
    filler, over = site.fill(KEPT // 2), threading.Event()

    def upload() -> None:
        while not over.wait(0.3):
            with site.cluster.client() as client:
                client.post("/upload", content=PICTURE, headers={"Content-Type": "image/png"})

    uploading = threading.Thread(target=upload)
    uploading.start()
    try:
        yield
    finally:
        over.set()
        uploading.join()
        filler.unlink()


@contextlib.contextmanager
def nearly_full_disk(site: Site) -> Iterator[None]:
    filler = site.fill(KEPT * 3 // 2)
    try:
        yield
    finally:
        filler.unlink()


@contextlib.contextmanager
def silent_worker(site: Site) -> Iterator[None]:
    """The only worker is stopped while jobs wait for it, and gets one of them."""
    with stopped(*site.cluster.pids("worker")):
        for _ in range(8):
            site.upload()
        yield


@contextlib.contextmanager
def backlog(site: Site) -> Iterator[None]:
    """More photos than the worker does in some seconds, which were accepted before it began."""
    site.post("/queue/pause")
    jobs = [
        site.upload(PHOTO, recipe='{"renditions": [{"name": "a", "width": 3000, "format": "webp"}]}') for _ in range(8)
    ]
    time.sleep(2.5)
    site.post("/queue/resume")
    try:
        yield
    finally:
        with site.cluster.client() as client:
            client.delete("/jobs", params={"all": "1"}).raise_for_status()
    for job in jobs:
        site.cluster.ended(job)


@contextlib.contextmanager
def lost_original(site: Site) -> Iterator[None]:
    site.post("/queue/pause")
    job = site.upload(PICTURE)
    (site.cluster.data / original_name(job)).unlink()
    site.post("/queue/resume")
    yield
    assert site.cluster.ended(job)["state"] == "dead"


@contextlib.contextmanager
def slow_promise(site: Site) -> Iterator[None]:
    """The broker stands still for a moment, and the upload of that moment waits for it."""

    def originals() -> int:
        return len([*(site.cluster.data / "raw").glob("*/*")])

    uploading, before = threading.Thread(target=site.upload), originals()
    with stopped(*site.cluster.pids("broker")):
        uploading.start()
        wait_until(lambda: originals() > before, 30, "the original to be stored")
        time.sleep(1.6)
    uploading.join()
    yield


@contextlib.contextmanager
def failing_receiver(site: Site) -> Iterator[None]:
    site.receiver.well = False
    site.cluster.ended(site.upload(PICTURE, webhook_url=f"http://127.0.0.1:{site.receiver.port}/"))
    yield
    site.receiver.well = True
    site.post("/deliveries/replay", all="1")


@contextlib.contextmanager
def undeletable_file(site: Site) -> Iterator[None]:
    """A folder is where a rendition was. It is tried again a minute later, or at once by a broker that starts."""
    job = site.upload(PICTURE)
    assert site.cluster.ended(job)["state"] == "done"
    (file, *_) = sorted((site.cluster.data / "processed").glob(f"*/{job}.*"))
    file.unlink()
    (file / "within").mkdir(parents=True)
    with site.cluster.client() as client:
        client.delete(f"/jobs/{job}", params={"purge": "1"}).raise_for_status()
    yield
    shutil.rmtree(file)
    os.kill(site.cluster.pids("broker")[0], signal.SIGKILL)


@contextlib.contextmanager
def unwritable_recorder(site: Site) -> Iterator[None]:
    """A file is where the recorder's folder was, when a broker starts."""
    flight = site.cluster.data / "flight"
    shutil.rmtree(flight)
    flight.write_text("")
    os.kill(site.cluster.pids("broker")[0], signal.SIGKILL)
    yield
    flight.unlink()


CAUSES: dict[Callable[[Site], AbstractContextManager[None]], set[str]] = {
    paused_web: {"PixmillDown"},
    paused_broker: {"PixmillBrokerUnheard"},
    full_disk: {"PixmillUploadsRefused", "PixmillDiskNearlyFull"},
    nearly_full_disk: {"PixmillDiskNearlyFull"},
    silent_worker: {"PixmillNoWorkers", "PixmillWorkerSilent"},
    backlog: {"PixmillQueueOld"},
    lost_original: {"PixmillJobsDead"},
    slow_promise: {"PixmillAcceptSlow"},
    failing_receiver: {"PixmillDeliveriesStuck"},
    undeletable_file: {"PixmillSweepsFailing"},
    unwritable_recorder: {"PixmillRecorderOff"},
}


@pytest.mark.parametrize("cause", CAUSES, ids=lambda cause: cause.__name__)
def test_an_alert_fires_by_its_cause_and_clears(
    site: Site, cause: Callable[[Site], AbstractContextManager[None]]
) -> None:
    wanted, seen = CAUSES[cause], set[str]()

    def fired() -> bool:
        seen.update(site.prometheus.firing())
        return wanted <= seen

    with cause(site):
        wait_until(fired, WITHIN_SECONDS, f"{wanted} to fire")
    site.cluster.wait_complete()
    wait_until(lambda: not site.prometheus.firing(), WITHIN_SECONDS, "all to clear")


def test_each_alert_has_a_cause_here() -> None:
    named = {rule["alert"] for rule in hurried_rules()["groups"][0]["rules"]}
    assert set().union(*CAUSES.values()) | ELSEWHERE == named
