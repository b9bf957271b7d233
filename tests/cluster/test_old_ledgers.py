"""A cluster started on the ledger of an older pixmill, killed in the middle of its work, ends that work."""

import sqlite3
from collections.abc import Callable

import pytest

from jobs.ids import original_name
from jobs.job import State
from stores.ledger.sqlite import SCHEMA
from tests.support.clusters.cluster import Cluster, wait_until
from tests.support.harnesses import old_ledgers

pytestmark = pytest.mark.cluster


def test_an_older_ledgers_work_is_ended(new_cluster: Callable[..., Cluster]) -> None:
    """The oldest one's, which goes through every later schema. What each becomes, and keeps:
    tests/unit/stores/ledger/test_sqlite_old_ledgers.py."""
    cluster = new_cluster(grace_seconds=0.2, cache_url="none")
    ledger = old_ledgers.lay_down(1, cluster.data)
    cluster.start()
    for state in (State.QUEUED, State.RUNNING, State.DELAYED):
        job = cluster.ended(old_ledgers.JOBS[state])
        assert (job["state"], job["error"]) == ("done", None)
    for state in (State.DONE, State.FAILED, State.DEAD, State.CANCELLED):
        assert cluster.get(f"/jobs/{old_ledgers.JOBS[state]}")["state"] == state
    with cluster.client() as client:
        kept = client.get(f"/jobs/{old_ledgers.JOBS[State.DONE]}/renditions/thumb")
        assert (kept.status_code, kept.content) == (200, old_ledgers.PIXELS)
        assert client.post(f"/jobs/{old_ledgers.JOBS[State.DEAD]}/requeue").status_code == 202
    assert cluster.ended(old_ledgers.JOBS[State.DEAD])["state"] == "done"
    swept = cluster.data / original_name(old_ledgers.SWEPT)
    wait_until(lambda: not swept.exists(), 5, "what was being swept to be gone")
    with sqlite3.connect(ledger) as connection:
        assert connection.execute("PRAGMA user_version").fetchone() == (SCHEMA,)
    connection.close()
