"""What a reload keeps of one's uploads, and how all of their results are taken at once."""

from pathlib import Path
from typing import Any

import pytest

from tests.browser.test_page import SAMPLE, OpenPage, done, until
from tests.support.browser.heard import live, tree_of
from tests.support.clusters.cluster import Cluster, wait_until

pytestmark = pytest.mark.cluster
HIDDEN = "document.getElementById('older').hidden"


def test_a_reload_keeps_the_sum_and_the_refused_until_they_are_cleared(
    cluster: Cluster, open_page: OpenPage, tmp_path: Path
) -> None:
    page = open_page(cluster)
    (tmp_path / "empty.jpg").write_bytes(b"")
    page.set_input_files("#files", [SAMPLE, tmp_path / "empty.jpg"])
    page.locator("#summary", has_text="1 of 2 done, 1 refused").wait_for()
    assert page.evaluate(HIDDEN)
    page.evaluate("localStorage.setItem('pixmill.older', '1')")
    page.reload()
    page.locator("#summary", has_text="1 of 2 done, 1 refused").wait_for()
    card = page.locator("#uploads .card", has_text="empty.jpg")
    assert "This file is empty." in card.inner_text()
    assert live(tree_of(page)) == []  # nothing new happened
    page.locator("#older", has_text="The newest 30 are shown").wait_for()
    page.get_by_role("button", name="Clear finished").click()
    until(page, f"!document.querySelector('#uploads .card') && {HIDDEN}")
    page.reload()
    page.locator("#health.healthy").wait_for()
    assert page.locator("#uploads .card").count() == 0


def test_all_results_are_downloaded_or_copied_at_once_also_beside_a_job(cluster: Cluster, open_page: OpenPage) -> None:
    page = open_page(cluster, permissions=["clipboard-read", "clipboard-write"])
    page.set_input_files("#files", SAMPLE)
    card = done(page, "sample.jpg")
    [job] = cluster.get("/jobs")["jobs"]
    urls = sorted(each["url"] for each in job["renditions"])
    assert len(urls) == 2

    def copied(where: Any) -> list[str]:
        page.evaluate("navigator.clipboard.writeText('')")
        where.get_by_role("button", name="Copy all addresses").click()
        until(page, "navigator.clipboard.readText()")
        return sorted(page.evaluate("navigator.clipboard.readText()").split())

    assert copied(page.locator("#view-upload")) == urls
    loaded: list[Any] = []
    page.on("download", lambda download: loaded.append(download))
    page.get_by_role("button", name="Download all").click()
    wait_until(lambda: page.evaluate("1") and len(loaded) == 2, 10, "both files")
    card.locator(".name a").click()
    page.locator("#job .state.done").wait_for()
    assert copied(page.locator("#job")) == urls
    with page.expect_download() as downloaded:
        page.locator("#job").get_by_role("link", name="Download original of sample.jpg").click()
    assert downloaded.value.path().read_bytes() == SAMPLE.read_bytes()
