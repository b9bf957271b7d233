"""Makes the pictures of the page, with a busy cluster: `python -m tests.support.browser.screenshots`.

It takes a minute and a half, so that the chart has something to show. Needs Chromium.
"""

import io
import json
import os
import shutil
import signal
import tempfile
from contextlib import ExitStack
from pathlib import Path
from typing import Any

from PIL import Image
from playwright.sync_api import sync_playwright

from tests.support.clusters.cluster import Cluster, wait_until
from tests.support.clusters.load import Load
from tests.support.house.docs import ROOT

FOLDER = ROOT / "docs" / "page"
BYTES_MAX = 150_000
SETTLE_MS = 3000
NAMES = {
    "mountains.jpg": "12mp.jpg",
    "portrait.jpg": "rotated.jpg",
    "scan.jpg": "truncated.jpg",
    "forest.jpg": "sample.jpg",
}
POSTER = {
    "renditions": [
        {"name": "print", "width": 3600, "format": "webp", "quality": 95},
        {"name": "thumb", "width": 640, "height": 640, "fit": "cover", "format": "jpeg"},
    ]
}
VIEWS: dict[str, dict[str, Any]] = {
    "desktop": {"viewport": {"width": 1280, "height": 1180}},
    "phone": {"viewport": {"width": 390, "height": 844}, "device_scale_factor": 2, "has_touch": True},
    "dark": {"viewport": {"width": 1280, "height": 1060}, "color_scheme": "dark"},
}


def originals(folder: Path) -> list[Path]:
    """The test images under the names that a person gives."""
    for name, original in NAMES.items():
        shutil.copy(ROOT / "test-data" / original, folder / name)
    return [folder / name for name in NAMES]


def lively(cluster: Cluster, page: Any, folder: Path) -> str:
    """Let the cluster work for a while, kill a worker, and leave some jobs queued. Returns the job that was tried
    twice."""
    page.goto(cluster.url)
    page.locator("#health.healthy").wait_for()
    for clients, seconds in ((1, 20), (3, 15), (1, 15)):
        with Load(cluster.url, ROOT / "test-data" / "cmyk.jpg", "/upload?preset=web", clients=clients, pause=0.4):
            page.wait_for_timeout(seconds * 1000)
    page.set_input_files("input[type=file]", originals(folder))
    page.locator("#uploads .state.done").nth(2).wait_for()
    photograph = (ROOT / "test-data" / "12mp.jpg").read_bytes()
    job = cluster.upload(photograph, "poster.jpg", recipe=json.dumps(POSTER))["id"]
    wait_until(lambda: started(cluster, job), 10, "a decoder to start")
    os.kill(holder(cluster, job), signal.SIGKILL)
    cluster.ended(job)
    for number in range(14):
        cluster.upload(photograph + bytes(number + 1), f"sheet-{number + 1:02}.jpg", recipe=json.dumps(POSTER))
    big = folder / "panorama.jpg"
    big.write_bytes(photograph)
    page.set_input_files("input[type=file]", big)
    page.wait_for_timeout(SETTLE_MS)
    page.locator("#uploads .quiet", has_text="about").wait_for()
    return str(job)


def started(cluster: Cluster, job: str) -> bool:
    """Whether a decoder has begun it."""
    return any(entry["event"] == "started" for entry in cluster.get(f"/jobs/{job}")["timeline"])


def holder(cluster: Cluster, job: str) -> int:
    """The process of the worker that has it; workers are named by their pids."""
    [assigned] = [entry for entry in cluster.get(f"/jobs/{job}")["timeline"] if entry["event"] == "assigned"]
    return int(assigned["worker"].rpartition("-")[2])


def save(page: Any, name: str) -> None:
    """Save the page as a WebP that is small enough for a README. Raises AssertionError if it is not."""
    stream = io.BytesIO()
    Image.open(io.BytesIO(page.screenshot())).save(stream, "WebP", quality=82, method=6)
    assert stream.tell() < BYTES_MAX, f"{name}: {stream.tell()} bytes"
    (FOLDER / f"{name}.webp").write_bytes(stream.getvalue())


def main() -> None:
    """Make them."""
    FOLDER.mkdir(exist_ok=True)
    chromium = shutil.which("chromium") or shutil.which("google-chrome")
    with tempfile.TemporaryDirectory() as name, ExitStack() as stack:
        cluster = Cluster(Path(name), workers=2, cache_url="none")
        stack.callback(cluster.stop)
        cluster.start()
        browser = stack.enter_context(sync_playwright()).chromium.launch(executable_path=chromium)
        context = browser.new_context(**VIEWS["desktop"])
        page, jobs = context.new_page(), context.new_page()
        jobs.goto(f"{cluster.url}/?view=jobs")  # open from now on: its chart shows what it has seen
        job = lively(cluster, page, Path(name))
        save(page, "desktop")
        jobs.locator("#jobs-frame").evaluate("frame => frame.scrollTop = 440")  # to jobs that have pictures
        jobs.wait_for_timeout(SETTLE_MS)
        save(jobs, "jobs")
        uploads = context.storage_state()
        for view, path in (("phone", "/"), ("dark", f"/?job={job}")):
            page = browser.new_context(**VIEWS[view], storage_state=uploads).new_page()
            page.goto(cluster.url + path)
            page.locator("#health.healthy").wait_for()
            page.wait_for_load_state("load")
            page.wait_for_timeout(SETTLE_MS)
            save(page, view)
        browser.close()


if __name__ == "__main__":
    main()
