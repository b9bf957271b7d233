"""What the page shows of a job's deliveries, and their replay."""

import re
from collections.abc import Callable

import pytest

from tests.browser.test_page import OpenPage
from tests.support.clusters.cluster import Cluster, wait_until
from tests.support.clusters.known_failures import small_image

pytestmark = pytest.mark.cluster
URL = "https://hooks.invalid/told"


def test_a_job_shows_what_its_receiver_was_told_and_replays_it(
    new_cluster: Callable[..., Cluster], open_page: OpenPage
) -> None:
    cluster = new_cluster(couriers=1).start()
    job = cluster.upload(small_image(), "told.png", webhook_url=f"{URL}?key=secret")["id"]

    def attempted() -> bool:
        told = cluster.get(f"/jobs/{job}")["deliveries"]
        return bool(told) and told[0]["attempts"] > 0

    wait_until(attempted, 30, "an attempt")
    page = open_page(cluster, f"/?job={job}")
    row = page.get_by_role("region", name="Webhooks").locator("tbody tr")
    row.wait_for()
    cells = row.locator("td").all_inner_texts()
    assert cells[:3] == ["job.done", URL, "waiting"], "without its query"
    assert re.fullmatch(r"\d+", cells[3])
    assert cells[4], "why it failed"
    before = cluster.get(f"/jobs/{job}")["deliveries"][0]["attempts"]
    row.get_by_role("button", name=f"Replay job.done to {URL}").click()
    page.get_by_text("It is tried again.").first.wait_for()
    wait_until(lambda: cluster.get(f"/jobs/{job}")["deliveries"][0]["attempts"] > before, 30, "the replay")
