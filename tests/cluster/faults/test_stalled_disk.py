"""A disk that stalls for longer than the silence, under one keeper alone, loses no worker and charges no job."""

from collections.abc import Callable
from pathlib import Path

import pytest

from tests.support.clusters.cluster import Cluster
from tests.support.clusters.crash_harness import SAMPLE, strace_missing
from tests.support.clusters.stalls import next_sync_takes

pytestmark = [pytest.mark.cluster, pytest.mark.skipif(bool(why := strace_missing()), reason=why)]
SILENCE_SECONDS = 1.0


def test_a_keeper_whose_disk_stalls_past_the_silence_is_not_lost(
    new_cluster: Callable[..., Cluster], tmp_path: Path
) -> None:
    cluster = new_cluster(silence_seconds=SILENCE_SECONDS, workers=1, cache_url="none").start()
    (keeper,) = cluster.pids("worker")
    with next_sync_takes(4 * SILENCE_SECONDS, keeper, tmp_path / "strace"):
        job = cluster.ended(cluster.upload(SAMPLE)["id"])
    assert (job["state"], job["attempts"]) == ("done", 1)
    assert [entry["event"] for entry in job["timeline"]].count("assigned") == 1
