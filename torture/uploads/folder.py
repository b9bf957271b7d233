"""`pixmill upload` of a folder, while two brokers are killed under it, and a Ctrl-C ends it half-way. The same command
then goes on. tests/cluster/test_upload_folder.py is a short form of it.
"""

import json
import os
import signal
import subprocess
import sys
import tempfile
import time
from collections import Counter
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from host.process.lifeline import spawn
from pixmill.pictures import RECIPE, numbered
from tests.support.clusters.cluster import Cluster, wait_until

SETTINGS: dict[str, Any] = {"workers": 2, "web_processes": 2, "cache_url": "none"}
INTERRUPTED = 130
RUN_SECONDS = 600.0
REFERENCE = "folder"
Figures = dict[str, float]


class Uploads:
    """`pixmill upload` of one folder, run as often as it is interrupted. `told`: every object on its stdout."""

    def __init__(self, cluster: Cluster, folder: Path, files: int) -> None:
        self._folder, self._files, self._cluster = folder, files, cluster
        self._output = folder / "told.ndjson"
        (folder / "in").mkdir()
        (folder / "recipe.json").write_text(RECIPE)
        for number in range(files):
            (folder / "in" / f"{number}.png").write_bytes(numbered(number))

    @contextmanager
    def run(self) -> Iterator[subprocess.Popen[bytes]]:
        """Run the command, as a user would, until it ends."""
        options = ["--reference", REFERENCE, "--recipe", str(self._folder / "recipe.json"), "--json"]
        command = [sys.executable, "-m", "pixmill", "--url", self._cluster.url, "upload", str(self._folder / "in")]
        line = 'exec "$0" "$@" >>"$TOLD" 2>>"$TOLD.err"'
        signal.signal(
            signal.SIGINT, signal.default_int_handler
        )  # a shell's background jobs ignore it, and so would ours
        environ = self._cluster.environ | {"XDG_STATE_HOME": str(self._folder), "TOLD": str(self._output)}
        process = spawn(["sh", "-c", line, *command, "--out", str(self._folder / "out"), *options], environ)
        try:
            yield process
        finally:
            process.kill()
            process.wait()

    def told(self) -> list[dict[str, Any]]:
        """What was told so far; a line that is not whole yet is left out."""
        text = self._output.read_text() if self._output.exists() else ""
        return [json.loads(line) for line in text.split("\n")[:-1]]

    def done(self) -> int:
        """How many files were told to be done, once each."""
        return len({each["file"] for each in self.told() if each["state"] == "done"})

    def wait(self, files: int) -> None:
        """Wait until so many files were told to be done."""
        wait_until(lambda: self.done() >= files, RUN_SECONDS, f"{files} files to be done")

    def errors(self) -> str:
        """What was said on stderr."""
        return Path(f"{self._output}.err").read_text()


def folder_uploaded(cluster: Cluster, files: int) -> Figures:
    """Upload `files` files while a broker is killed at a quarter and at three quarters, with a Ctrl-C half-way."""
    with tempfile.TemporaryDirectory(prefix="pixmill-uploads-") as folder:
        uploads, began = Uploads(cluster, Path(folder), files), time.monotonic()
        with uploads.run() as process:
            uploads.wait(files // 4)
            _kill_broker(cluster)
            uploads.wait(files // 2)
            with _paused(cluster):  # so that it cannot end before the signal comes
                process.send_signal(signal.SIGINT)
                interrupted = process.wait(RUN_SECONDS)
        first = uploads.done()
        with uploads.run() as process:
            uploads.wait(max(first, 3 * files // 4))
            _kill_broker(cluster)
            ended = process.wait(RUN_SECONDS)
        seconds = time.monotonic() - began
        figures = _figures(cluster, uploads, files)
        saved = len(list((Path(folder) / "out").iterdir()))
        began = time.monotonic()
        again = _sent_again(uploads)
        again_seconds = round(time.monotonic() - began, 1)
    status = {"interrupted_status": interrupted, "status": ended, "done_at_interrupt": first}
    further = {"saved": saved, "sent_again": again, "again_seconds": again_seconds}
    return {"files": files, "seconds": round(seconds, 1), **status, **figures, **further}


@contextmanager
def _paused(cluster: Cluster) -> Iterator[None]:
    """No job ends, once the running ones have."""
    with cluster.client() as client:
        client.post("/queue/pause").raise_for_status()
        yield
        client.post("/queue/resume").raise_for_status()


def _kill_broker(cluster: Cluster) -> None:
    cluster.wait_complete()
    (broker,) = cluster.pids("broker", "ready")
    os.kill(broker, signal.SIGKILL)


def _figures(cluster: Cluster, uploads: Uploads, files: int) -> Figures:
    news = [each for each in uploads.told() if each["state"] == "done" and not each["before"]]
    told = Counter(each["file"] for each in news)
    listed = _listed(cluster)
    return {
        "jobs": len(listed),
        "not_done": sum(job["state"] != "done" for job in listed),
        "files_not_told": files - len(told),
        "files_told_twice": sum(count > 1 for count in told.values()),
        "jobs_of_two_files": len(news) - len({each["id"] for each in news}),
        "tracebacks": uploads.errors().count("Traceback"),
    }


def _listed(cluster: Cluster) -> list[dict[str, Any]]:
    found: list[dict[str, Any]] = []
    after: dict[str, str] = {}
    while True:
        page = cluster.get("/jobs", reference=REFERENCE, limit=500, **after)
        found += page["jobs"]
        if page["next"] is None:
            return found
        after = {"after": page["next"]}


def _sent_again(uploads: Uploads) -> int:
    """How many files a further run sends: none."""
    before = len(uploads.errors())
    with uploads.run() as process:
        process.wait(RUN_SECONDS)
    words = uploads.errors()[before:].split()
    return int(words[words.index("sent") - 1])


def broken(name: str, figures: Figures) -> list[str]:
    """The figures that are wrong, in words."""
    must = {"interrupted_status": INTERRUPTED, "status": 0, "jobs": figures["files"], "saved": figures["files"]}
    must |= dict.fromkeys(("not_done", "files_not_told", "files_told_twice", "jobs_of_two_files"), 0)
    must |= {"tracebacks": 0, "sent_again": 0}
    return [f"{name}: {key} is {figures[key]}" for key, value in must.items() if figures[key] != value]
