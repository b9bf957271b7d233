"""A back-up taken under load, restored into another folder and started: its jobs end, its files are there."""

import hashlib
import shutil
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path

import pytest

from jobs.ids import original_name
from jobs.job import ENDED, Row, State, decode_outcome
from jobs.records import Where
from stores.ledger.sqlite_reader import open_reader
from tests.support.clusters.cluster import ROOT, Cluster
from tests.support.clusters.load import Load
from tests.support.patience import stretched

SAMPLE = ROOT / "test-data" / "sample.jpg"
LOAD_SECONDS = 0.4
MARKED = """
[watermarks]
logo = "../logos/logo.png"
[[presets.default.renditions]]
name = "marked"
width = 200
watermark = {name = "logo", gravity = "center", opacity = 0.5}
"""
pytestmark = pytest.mark.cluster


def backed_up(cluster: Cluster, to: Path) -> None:
    """`make backup`, as its target does it."""
    command = [sys.executable, "-m", "stores.backup", str(to)]
    done = subprocess.run(command, cwd=ROOT, env=cluster.environ, capture_output=True, text=True, timeout=stretched(60))
    assert done.returncode == 0, done.stderr


def rows_of(data: Path) -> list[Row]:
    """All jobs of a ledger."""
    reader = open_reader(data / "ledger.sqlite3")
    rows, _ = reader.page(Where(), None, 100_000, 100_000)
    reader.close()
    return rows


def has_its_files(data: Path, row: Row) -> bool:
    renditions = decode_outcome(row.outcome).renditions
    digests = [hashlib.sha256((data / rendition.blob).read_bytes()).hexdigest() for rendition in renditions]
    return (data / original_name(row.id)).exists() and digests == [rendition.digest for rendition in renditions]


def test_a_backup_under_load_is_a_cluster(new_cluster: Callable[..., Cluster], tmp_path: Path) -> None:
    cluster, to = new_cluster(cache_url="none").start(), tmp_path / "backup"
    with Load(cluster.url, SAMPLE, clients=3, pause=0.02) as load:
        for _ in range(2):
            time.sleep(LOAD_SECONDS)
            before = list(load.accepted)
            backed_up(cluster, to)
    cluster.stop()
    rows = rows_of(to)
    assert {row.id for row in rows} >= set(before), "what had its 202 before the back-up is in it"
    assert {row.state for row in rows} >= {State.QUEUED, State.DONE}, "this run shows nothing"
    assert [row.id for row in rows if not has_its_files(to, row)] == []

    restored = new_cluster(cache_url="none")
    shutil.copytree(to, restored.data)
    restored.start()
    for row in rows:
        if row.state not in ENDED:
            restored.ended(row.id, 60)
    restored.stop()
    ended = {row.id: row for row in rows_of(restored.data)}
    assert set(ended) == {row.id for row in rows}
    assert {row.state for row in ended.values()} == {State.DONE}
    assert [row.id for row in ended.values() if not has_its_files(restored.data, row)] == []


def test_a_job_with_a_watermark_runs_in_an_empty_folder_that_a_back_up_was_restored_to(
    new_cluster: Callable[..., Cluster], tmp_path: Path
) -> None:
    presets, logos, to = tmp_path / "presets", tmp_path / "logos", tmp_path / "backup"
    presets.mkdir()
    logos.mkdir()
    shutil.copy(ROOT / "test-data" / "1x1.png", logos / "logo.png")
    (presets / "recipes.toml").write_text(MARKED)
    cluster = new_cluster(workers=0, recipes=presets / "recipes.toml").start()
    job = cluster.upload(SAMPLE.read_bytes())["id"]
    backed_up(cluster, to)
    cluster.stop()
    shutil.rmtree(presets)
    shutil.rmtree(logos)

    data = tmp_path / "elsewhere"
    shutil.copytree(to, data)
    restored = new_cluster(data=data, recipes=data / "recipes/recipes.toml").start()
    ended = restored.ended(job)
    assert (ended["state"], [made["name"] for made in ended["renditions"]]) == ("done", ["marked"])
    again = restored.ended(restored.upload(SAMPLE.read_bytes())["id"])
    assert again["renditions"][0]["digest"] == ended["renditions"][0]["digest"]
