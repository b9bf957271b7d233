"""One upload and what becomes of it; workers that come by hand and go by SIGTERM."""

import io
import signal
import subprocess

import pytest
from PIL import Image

from tests.support.clusters.cluster import ROOT, Cluster, wait_until
from tests.support.clusters.load import Load
from tests.support.patience import stretched

SAMPLE = ROOT / "test-data" / "sample.jpg"
ROTATED = ROOT / "test-data" / "rotated.jpg"
GPS = 0x8825
pytestmark = pytest.mark.cluster


def picture(cluster: Cluster, job: str, name: str) -> Image.Image:
    with cluster.client() as client:
        response = client.get(f"/jobs/{job}/renditions/{name}")
    assert response.status_code == 200
    return Image.open(io.BytesIO(response.content))


def test_an_upload_is_promised_then_done(cluster: Cluster) -> None:
    """As `curl -F image=@test-data/sample.jpg`: its EXIF says that it is to be turned, and where it was taken."""
    with Image.open(SAMPLE) as original:
        assert original.size == (1600, 1200) and original.getexif()[274] == 6 and original.getexif().get_ifd(GPS)
    answer = cluster.upload(SAMPLE.read_bytes(), "sample.jpg")
    assert answer["state"] in ("queued", "running")
    job = cluster.ended(answer["jobs"][0]["id"])
    assert (job["state"], job["attempts"], job["cached"], job["error"]) == ("done", 1, False, None)
    expected = {"large": ("WEBP", (1200, 1600)), "thumb": ("JPEG", (320, 320))}
    assert {rendition["name"] for rendition in job["renditions"]} == set(expected)
    for rendition in job["renditions"]:
        image = picture(cluster, job["id"], rendition["name"])
        assert (image.format, image.size) == expected[rendition["name"]]
        assert (rendition["width"], rendition["height"]) == image.size
        assert not image.getexif() and "xmp" not in image.info
    with Image.open(SAMPLE) as original:
        upright = original.rotate(-90, expand=True).resize((60, 80)).convert("RGB")
    large = picture(cluster, job["id"], "large").resize((60, 80)).convert("RGB")
    differences = [abs(a - b) for a, b in zip(large.tobytes(), upright.tobytes(), strict=True)]
    assert sum(differences) / len(differences) < 8, "the picture is not upright"
    events = [entry["event"] for entry in job["timeline"]]
    assert events == ["accepted", "assigned", "started", "rendition", "rendition", "ended"]


def test_what_is_stored_is_what_the_rows_name(cluster: Cluster) -> None:
    jobs = [cluster.ended(cluster.upload(ROTATED.read_bytes())["jobs"][0]["id"]) for _ in range(3)]
    with cluster.client() as client:
        assert client.post("/upload", files={"image": ("no.jpg", b"no image")}).status_code == 415
    folders = ("incoming", "raw", "processed")
    of = {name: sorted(p.name for p in (cluster.data / name).rglob("*") if p.is_file()) for name in folders}
    assert of["incoming"] == []
    assert of["raw"] == sorted(job["id"] for job in jobs)
    assert len(of["processed"]) == 2 * len(jobs)
    assert {name.split(".")[0] for name in of["processed"]} == set(of["raw"])


def test_workers_join_within_a_second_take_jobs_and_drain(cluster: Cluster) -> None:
    workers: list[subprocess.Popen[bytes]] = []
    for number in (2, 3):
        worker = cluster.start_role("worker")
        wait_until(
            lambda: len(cluster.get("/stats")["workers"]) == len(workers) + 2, 1.0, f"{number} workers in /stats"
        )
        workers.append(worker)
    with Load(cluster.url, SAMPLE, clients=4, pause=0.02) as load:
        wait_until(lambda: _busy(cluster) >= 3, 20, "all three workers to hold jobs")
        workers[0].send_signal(signal.SIGTERM)
        assert workers[0].wait(stretched(15)) == 0
    load.check()
    jobs = [cluster.ended(job) for job in load.accepted]
    assert {(job["state"], job["attempts"]) for job in jobs} == {("done", 1)}
    names = {entry["worker"] for job in jobs for entry in job["timeline"] if entry["event"] == "started"}
    assert len(names) == 3, f"only {names} took jobs"
    assert {worker["name"] for worker in cluster.workers(2)} < names


def _busy(cluster: Cluster) -> int:
    return sum(bool(worker["jobs"]) for worker in cluster.get("/stats")["workers"])
