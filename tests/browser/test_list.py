"""The list of jobs on the page: found by id, name and reference, sorted, selected at once, read to its end."""

import re

import pytest

from tests.browser.test_late_answers import COUNT, Pages, scrolled
from tests.browser.test_page import SAMPLE, TRUNCATED, OpenPage, until
from tests.support.clusters.cluster import Cluster, wait_until

pytestmark = pytest.mark.cluster
ROWS = "[...document.querySelectorAll('#jobs .row a')].map(each => each.textContent).join()"


def test_the_list_finds_selects_and_tells_a_wrong_code(cluster: Cluster, open_page: OpenPage) -> None:
    good = cluster.ended(cluster.upload(SAMPLE.read_bytes(), "beach.jpg")["id"])
    cluster.ended(cluster.upload(TRUNCATED.read_bytes(), "broken.jpg")["id"])
    page = open_page(cluster, "/?view=jobs", expected=("400",), permissions=["clipboard-read", "clipboard-write"])
    until(page, f"{ROWS} === 'broken.jpg,beach.jpg'")
    until(page, "document.querySelector('#jobs .row img:not([hidden])')?.naturalWidth > 0")
    page.get_by_label("Select all").check()
    page.locator("#selected-count", has_text="2 selected").wait_for()
    page.get_by_label("Select all").uncheck()
    page.locator("#selected-count", has_text="selected").wait_for(state="hidden")
    page.get_by_label("Id, name or reference").fill("BEACH")
    page.keyboard.press("Enter")
    until(page, f"{ROWS} === 'beach.jpg'")
    assert page.evaluate(COUNT) == "1 job found among 2 jobs"
    page.get_by_label("Id, name or reference").fill(good["id"])
    page.keyboard.press("Enter")
    until(page, f"location.search.includes('{good['id']}') && {ROWS} === 'beach.jpg'")
    page.locator("#jobs .row a").click()
    page.locator("#job code", has_text=good["id"]).wait_for()
    page.get_by_role("button", name="Copy id").click()
    page.locator("#said", has_text="Copied: the id.").wait_for(state="attached")
    assert page.evaluate("navigator.clipboard.readText()") == good["id"]
    page.keyboard.press("Escape")
    page.get_by_label("Code", exact=True).fill("nonsense")
    page.keyboard.press("Enter")
    page.locator("#f-code-problem", has_text="not 'nonsense'").wait_for()
    assert page.locator("#f-code").get_attribute("aria-invalid") == "true"
    until(page, f"{ROWS} === ''")


def test_the_list_is_read_to_its_end(cluster: Cluster, open_page: OpenPage) -> None:
    job = cluster.ended(cluster.upload(SAMPLE.read_bytes(), "one.jpg")["id"])
    page = open_page(cluster)
    page.route("**/jobs?*", Pages(job, 3078))
    page.get_by_role("link", name="Jobs and workers").click()
    wait_until(lambda: scrolled(page) == "3,078 jobs", 30, "the last page")


def test_a_job_that_ends_while_it_is_listed_tells_how_long_it_took(cluster: Cluster, open_page: OpenPage) -> None:
    page = open_page(cluster, "/?view=jobs")
    cluster.upload(SAMPLE.read_bytes(), "now.jpg")
    page.locator("#jobs .row", has_text="now.jpg").locator(
        ".facts", has_text=re.compile(r" · [\d.]+ m?s · ")
    ).wait_for()
