"""What a command did is told once, by the live text of what is in front; and Back is an answer, too."""

from typing import Any

import pytest

from tests.browser.access.test_focus import failed, heard, rests_on
from tests.browser.access.test_gone import paused
from tests.browser.test_page import SAMPLE, OpenPage, done, until
from tests.support.clusters.cluster import Cluster

pytestmark = pytest.mark.cluster
LISTEN = """place => {
  window.heard = [];
  const told = changes => changes.flatMap(({ addedNodes }) => [...addedNodes]).map(node => node.textContent);
  new MutationObserver(changes => window.heard.push(...told(changes).filter(Boolean)))
    .observe(document.querySelector(place), { subtree: true, childList: true });
}"""


def told(page: Any, *lines: str) -> None:
    """Wait until this was told, and nothing else."""
    until(page, f"window.heard.length >= {len(lines)}")
    assert page.evaluate("window.heard.splice(0)") == list(lines)


def test_commands_in_a_job_s_dialog_and_its_end_are_told_once(cluster: Cluster, open_page: OpenPage) -> None:
    with paused(cluster):
        job = cluster.upload(SAMPLE.read_bytes(), "one.jpg")["id"]
        page = open_page(cluster, f"/?view=jobs&job={job}")
        page.locator("#job .state.queued").wait_for()
        page.evaluate(LISTEN, "#job .said")
        page.locator("#job").get_by_role("button", name="Cancel").click()
        page.locator("#job .state.cancelled").wait_for()
        told(page, "Cancelled one.jpg.")
        page.locator("#job").get_by_role("button", name="Requeue").click()
        page.locator("#job .state.queued").wait_for()
        told(page, "Requeued one.jpg.")
    page.locator("#job .state.done").wait_for()
    told(page, "one.jpg is done.")


def test_back_answers_a_question_with_no(cluster: Cluster, open_page: OpenPage) -> None:
    failed(cluster, "one.jpg")
    page = open_page(cluster, "/?view=jobs")
    page.locator("#jobs .row a").click()
    page.locator("#job").get_by_role("button", name="Purge").click()
    page.locator("#confirm[open]").wait_for()
    page.go_back()
    until(page, "!document.querySelector('dialog[open]')")
    rests_on(page, "link “one.jpg”")
    assert len(cluster.get("/jobs")["jobs"]) == 1


def test_a_key_for_a_job_that_cannot_be_requeued_says_so_without_a_question(
    cluster: Cluster, open_page: OpenPage
) -> None:
    cluster.ended(cluster.upload(SAMPLE.read_bytes(), "one.jpg")["id"])
    page = open_page(cluster, "/?view=jobs")
    page.locator("#jobs .row .done").wait_for()
    page.keyboard.press("j")
    page.keyboard.press("r")
    heard(page, "one.jpg is done: only a failed, dead or cancelled job is requeued.")
    assert not page.evaluate("document.getElementById('confirm').open")


def test_selected_jobs_that_did_not_change_are_told_with_the_reason(cluster: Cluster, open_page: OpenPage) -> None:
    failed(cluster, "bad.jpg")
    cluster.ended(cluster.upload(SAMPLE.read_bytes(), "good.jpg")["id"])
    page = open_page(cluster, "/?view=jobs", expected=("409",))
    page.locator("#jobs .row").nth(1).wait_for()
    page.locator("#select-all").check()
    page.get_by_role("button", name="Requeue selected").click()
    heard(page, "1 of 2 jobs requeued. Not the others: only a failed, dead or cancelled job runs once more")


def test_a_cancelled_and_a_cleared_upload_are_told(cluster: Cluster, open_page: OpenPage) -> None:
    with paused(cluster):
        page = open_page(cluster)
        page.set_input_files("#files", SAMPLE)
        page.locator("#uploads .state.queued").wait_for()
        page.evaluate(LISTEN, "#said")
        page.get_by_role("button", name="Cancel sample.jpg").click()
        told(page, "Cancelled sample.jpg.")
        page.get_by_role("button", name="Retry sample.jpg").click()
        told(page, "Requeued sample.jpg.")
    done(page, "sample.jpg")
    page.get_by_role("button", name="Clear finished").click()
    told(page, "Cleared 1 upload from this page.")


def test_an_unknown_code_is_told_once(cluster: Cluster, open_page: OpenPage) -> None:
    page = open_page(cluster, "/?view=jobs", expected=("400",))
    heard(page, "No job matches")
    page.locator("#f-code").fill("no_such")
    page.locator("#f-code").press("Enter")
    page.locator("#f-code-problem:not(:empty)").wait_for()
    until(page, "document.getElementById('found').textContent === ''")
