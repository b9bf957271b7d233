"""`pixmill drill` against a real cluster: with --kill it kills of that cluster alone, and no promise breaks."""

import re
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import pytest

from tests.support.clusters.cluster import ROOT, Cluster
from tests.support.patience import stretched

pytestmark = pytest.mark.cluster


def drill(url: str, *words: str) -> subprocess.CompletedProcess[str]:
    command = [sys.executable, "-m", "pixmill", "drill", "--url", url, *words]
    return subprocess.run(command, cwd=ROOT, capture_output=True, text=True, timeout=stretched(150))


def test_a_drill_kills_what_it_uploads_to_and_keeps_every_promise(
    new_cluster: Callable[..., Cluster], cluster: Cluster
) -> None:
    bystander, others = cluster, cluster.everything()
    cluster = new_cluster(workers=2, web_processes=2, cache_url="none").start()
    done = drill(cluster.url, "--seconds", "9", "--rate", "8", "--kill")
    assert done.returncode == 0, done.stdout + done.stderr
    assert "accepted 72, lost 0, doubled 0, wrong 0, unanswered 0" in done.stdout
    killed = [int(pid) for pid in re.findall(r"SIGKILL \w+ (\d+)", done.stdout)]
    assert len(killed) == 2
    assert cluster.get("/jobs")["jobs"] == [], "a drill leaves nothing in the list"
    assert not set(killed) & set(cluster.everything())
    assert bystander.everything() == others
    assert re.findall(r"^ *(before|during|after) +(\d+)", done.stdout, re.MULTILINE) == [
        (phase, "24") for phase in ("before", "during", "after")
    ]


def test_without_kill_it_kills_nothing_and_says_whose_turn_it_is(cluster: Cluster) -> None:
    before = cluster.everything()
    done = drill(cluster.url, "--seconds", "3", "--rate", "3")
    assert (done.returncode, done.stderr) == (0, "")
    assert done.stdout.count("kill what you like") == 1
    assert cluster.everything() == before


def test_a_server_that_cannot_be_killed_from_here_is_refused() -> None:
    done = drill("http://192.0.2.1:3000", "--seconds", "3", "--kill")
    assert done.returncode == 1
    assert "no loopback" in done.stderr


def test_one_picture_goes_through_a_cluster_and_is_gone(cluster: Cluster, tmp_path: Path) -> None:
    path = tmp_path / "pixmill.prom"
    for _ in range(2):
        done = drill(cluster.url, "--once", "--textfile", str(path))
        assert (done.returncode, done.stderr) == (0, "")
        assert re.fullmatch(r"well in \d+\.\d{3} s\n", done.stdout)
    assert "pixmill_drill_success 1\n" in path.read_text()
    assert cluster.get("/jobs")["jobs"] == []
