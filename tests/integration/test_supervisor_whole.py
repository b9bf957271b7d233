"""The supervisor with the real roles: the client's command, a hurried end.

Who is killed or restarted and what it costs is in tests/cluster.
"""

import signal
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path

import pytest

from tests.support.clusters.cluster import ROOT, Cluster
from tests.support.patience import stretched

pytestmark = pytest.mark.cluster
SAMPLE = ROOT / "test-data" / "sample.jpg"


def client(*words: object) -> subprocess.CompletedProcess[str]:
    """Run `pixmill WORDS` to its end."""
    command = [sys.executable, "-m", "pixmill", *map(str, words)]
    return subprocess.run(command, cwd=ROOT, capture_output=True, text=True, timeout=stretched(60))


def test_one_upload_by_the_command_comes_back_as_pictures(cluster: Cluster, tmp_path: Path) -> None:
    done = client("upload", SAMPLE, "--out", tmp_path / "out", "--url", cluster.url)
    assert (done.returncode, done.stderr) == (0, "")
    assert sorted(path.name for path in (tmp_path / "out").iterdir()) == ["sample.large.webp", "sample.thumb.jpg"]
    line, *paths = done.stdout.splitlines()
    job, state, filename = line.split()
    assert (state, filename, len(paths)) == ("done", "sample.jpg", 2)
    assert client("wait", job, "--url", cluster.url).stdout == f"{line}\n"


def test_every_process_of_a_checkout_is_started_by_python_m(cluster: Cluster) -> None:
    """A wheel's ones are started by the launcher: tests/test_wheel.py."""
    words = [Path(f"/proc/{pid}/cmdline").read_bytes().split(b"\0") for pid in cluster.everything()]
    assert {line[1] for line in words} == {b"-m"}
    assert {line[2] for line in words} == {b"supervisor", b"broker", b"web", b"worker", b"worker.decoder.nursery"}


def test_the_command_says_what_was_refused_and_what_failed(cluster: Cluster) -> None:
    refused = client("upload", ROOT / "LICENSE", "--url", cluster.url)
    assert refused.returncode == 3
    assert "unsupported_type" in refused.stderr
    failed = client("upload", ROOT / "test-data" / "truncated.jpg", "--out", cluster.folder, "--url", cluster.url)
    assert failed.returncode == 1
    assert "undecodable" in failed.stdout


def test_a_second_ctrl_c_gives_the_jobs_back_at_once_uncharged(new_cluster: Callable[..., Cluster]) -> None:
    cluster = new_cluster(workers=1, cache_url="none").start()
    big = (ROOT / "test-data" / "12mp.jpg").read_bytes()
    jobs = [cluster.upload(big)["id"] for _ in range(2)]
    assert cluster.supervisor is not None
    cluster.supervisor.send_signal(signal.SIGINT)
    time.sleep(0.4)
    began = time.monotonic()
    cluster.supervisor.send_signal(signal.SIGINT)
    assert cluster.supervisor.wait(stretched(10)) == 0
    assert time.monotonic() - began < stretched(2.5)
    assert not cluster.everything()
    cluster.start()
    ended = [cluster.ended(job, 60) for job in jobs]
    assert {(job["state"], job["attempts"]) for job in ended} == {("done", 1)}
