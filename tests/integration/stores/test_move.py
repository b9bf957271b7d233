"""`python -m stores.move` as an operator runs it: killed at random points and started again, on real servers, and
beside a running pixmill."""

import os
import random
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path

import pytest

from host.process.lifeline import die_with_parent
from host.settings.settings import Settings
from jobs.records import Records
from stores.blobs import Blobs
from stores.blobs.local import LocalBlobs
from stores.ledger.sqlite import open_ledger
from stores.move.names import walk
from stores.move.places import LEDGER, MOVED, end_at
from stores.move.rows import Contents, contents
from stores.opening import blobs_at
from tests.contracts.filled import blobs_of, fill, stored_row
from tests.support.clusters.cluster import ROOT, Cluster
from tests.support.clusters.load import ended_jobs, upload_on
from tests.support.patience import stretched
from tests.support.servers.postgres import PostgresServer
from tests.support.servers.seaweed import ENVIRON, SeaweedServer

pytestmark = pytest.mark.cluster
KILLS, KILLS_FULL = 4, 40
JOBS = 4000
BLOBS = 120


def started(source: str, target: str, data: Path) -> subprocess.Popen[str]:
    parent = os.getpid()
    return subprocess.Popen(
        [sys.executable, "-m", "stores.move", source, target],
        cwd=ROOT,
        env={**os.environ, **ENVIRON, "PIXMILL_DATA": str(data)},
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        preexec_fn=lambda: die_with_parent(parent),
    )


def killed_and_ended(source: str, target: str, data: Path, kills: int, seed: int) -> str:
    """Kill the move at random moments, then let it end; its last words. Moments in its start are worth nothing, so
    they grow with what a whole start takes."""
    chance = random.Random(seed)
    began = time.monotonic()
    subprocess.run([sys.executable, "-m", "stores.move", "--help"], cwd=ROOT, capture_output=True, check=True)
    start_seconds = time.monotonic() - began
    killed = 0
    for _ in range(kills):
        process = started(source, target, data)
        try:
            process.wait(start_seconds * chance.uniform(0.9, 2.0))
            start_seconds *= 0.9  # it ended before: this machine is faster now
        except subprocess.TimeoutExpired:
            process.kill()
            killed += 1
        process.communicate()
    assert killed or not kills
    process = started(source, target, data)
    said, _ = process.communicate(timeout=120)
    assert process.returncode == 0, said
    return said


def held(place: str) -> Contents:
    end = end_at(place, source=True)
    try:
        return contents(end.ledger, end.ledger)
    finally:
        end.close()


def bytes_of(blobs: Blobs) -> dict[str, bytes]:
    found = {}
    for name in walk(blobs):
        with blobs.open(name) as file:
            found[name] = file.read()
    return found


@pytest.mark.parametrize("way", ["to PostgreSQL", "to a folder"])
def test_a_ledger_s_move_that_is_killed_anywhere_ends_well(
    tmp_path: Path, postgres: PostgresServer, full: bool, way: str
) -> None:
    (tmp_path / "data").mkdir()
    folder, url = str(tmp_path / "data"), postgres.database()
    ledger = open_ledger(tmp_path / "data" / LEDGER)
    fill(ledger, JOBS)
    ledger.close()
    before = held(folder)
    if way == "to a folder":
        killed_and_ended(folder, url, tmp_path, 0, 0)
        (tmp_path / "back").mkdir()
        folder, url = url, str(tmp_path / "back")
    said = killed_and_ended(folder, url, tmp_path, KILLS_FULL if full else KILLS, 1)
    assert f"{JOBS} jobs" in said and before.digest in said
    assert held(url) == before
    if way == "to PostgreSQL":
        assert not (tmp_path / "data" / LEDGER).exists() and (tmp_path / "data" / MOVED).exists()


def test_the_blobs_move_that_is_killed_anywhere_ends_well(tmp_path: Path, seaweed: SeaweedServer, full: bool) -> None:
    data, url = tmp_path / "data", seaweed.url()
    data.mkdir()
    ledger = open_ledger(data / LEDGER)
    ledger.restore()
    local, wanted = LocalBlobs(data), dict[str, bytes]()
    for seq in range(1, BLOBS // 2 + 1):
        ledger.commit(Records(jobs=[stored_row(seq)]))
        for name, content in blobs_of(seq).items():
            local.put(name, content)
            wanted[name] = content
    ledger.close()
    kills = KILLS_FULL if full else KILLS
    assert "blobs are copied and verified" in killed_and_ended(str(data), url, data, kills, 2)
    os.environ.update(ENVIRON)
    assert bytes_of(blobs_at(Settings(data=str(data)), url)) == wanted
    back = tmp_path / "back"
    (back / "raw").mkdir(parents=True)
    killed_and_ended(url, str(back), data, kills, 3)
    assert bytes_of(LocalBlobs(back)) == wanted


def test_blobs_move_to_a_bucket_beside_a_running_pixmill_and_it_goes_on_there(
    new_cluster: Callable[..., Cluster], seaweed: SeaweedServer
) -> None:
    """As docs/machines.md says: one pass online, one after the stop, then a start on the bucket."""
    cluster, url = new_cluster().start(), seaweed.url()
    cluster.environ |= ENVIRON
    with upload_on(cluster, 2, 0.05, distinct=True) as load:
        while len(load.accepted) < 20:
            time.sleep(0.05)
        online = started(str(cluster.data), url, cluster.data)
        said, _ = online.communicate(timeout=60)
        assert online.returncode == 0, said
    jobs = ended_jobs(cluster, load.accepted)
    assert {job["state"] for job in jobs} == {"done"}
    cluster.supervisor.send_signal(2)  # type: ignore[union-attr]
    cluster.supervisor.wait(stretched(20))  # type: ignore[union-attr]
    second = started(str(cluster.data), url, cluster.data)
    said, _ = second.communicate(timeout=60)
    assert second.returncode == 0, said
    assert int(said.split(" blobs are copied")[0].split()[-1]) > 0, "the load went on after the first pass"
    for kind in ("raw", "processed"):
        (cluster.data / kind).rename(cluster.data / f"{kind}.old")
    cluster.environ["PIXMILL_BLOBS_URL"] = url
    cluster.start()
    with cluster.client() as client:
        for job in jobs:
            for path in (f"/jobs/{job['id']}/original", f"/jobs/{job['id']}/renditions/{job['renditions'][0]['name']}"):
                assert client.get(path).status_code == 200
    assert cluster.ended(cluster.upload(Path(cluster.folder / "load.png").read_bytes())["id"])["state"] == "done"
