"""Known failures of other job systems, 10, seen in a real Chromium. The list: docs/reliability.md."""

import time
from collections.abc import Callable
from typing import Any

import pytest

from tests.support.clusters.cluster import ROOT, Cluster, wait_until
from tests.support.clusters.known_failures import all_ended, ledger_counts, ledger_rows
from tests.support.clusters.load import Load
from tests.support.clusters.stalls import stopped

pytestmark = pytest.mark.cluster
STOPPED_SECONDS = {False: 1.0, True: 5.0}
AGREE_SECONDS = 15.0
SHOWN = """() => ({
  numbers: ["queued", "running", "failed", "dead"].map(name => document.getElementById(`n-${name}`).textContent),
  count: document.getElementById("jobs-count").textContent,
  states: [...document.querySelectorAll("#jobs .row .state")].map(each => each.textContent),
})"""


def test_10_a_page_that_lies(new_cluster: Callable[..., Cluster], open_page: Callable[..., Any], full: bool) -> None:
    """10 (flower #1428): each web process is stopped under load and continued. Then what the page shows is
    what the ledger says: the numbers, how many jobs, the states of those in sight."""
    cluster = new_cluster(workers=1, web_processes=2, cache_url="none").start()
    page = open_page(cluster, "/?view=jobs", expected=("ERR_",))
    good, bad = (ROOT / "test-data" / name for name in ("1x1.png", "truncated.jpg"))
    with Load(cluster.url, good, clients=1, pause=0.2) as load, Load(cluster.url, bad, clients=1, pause=0.2) as failing:
        for pid in cluster.pids("web"):
            time.sleep(0.5)
            with stopped(pid):
                time.sleep(STOPPED_SECONDS[full])
    all_ended(cluster, load.accepted + failing.accepted, 60)
    counts, states = ledger_counts(cluster), [row.state for row in ledger_rows(cluster)]
    assert counts["failed"] >= len(failing.accepted) > 0

    def agrees() -> bool:
        shown = page.evaluate(SHOWN)
        in_sight = len(shown["states"])
        return bool(
            shown["numbers"] == ["0", "0", str(counts["failed"]), "0"]
            and shown["count"] == f"{len(states)} jobs"
            and in_sight
            and shown["states"] == states[:in_sight]
        )

    try:
        wait_until(agrees, AGREE_SECONDS, "the page to agree with the ledger")
    except AssertionError:
        raise AssertionError(f"the page shows {page.evaluate(SHOWN)}, the ledger {states}") from None
