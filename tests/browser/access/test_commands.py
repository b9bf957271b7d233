"""What a command did is told once, by the live text of what is in front; and Back is an answer, too."""

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import pytest

from tests.browser.access.test_focus import failed, heard, rests_on
from tests.browser.test_page import SAMPLE, OpenPage, done, until
from tests.support.browser.heard import Keyboard
from tests.support.clusters.cluster import Cluster

pytestmark = pytest.mark.cluster
LISTEN = """place => {
  window.heard = [];
  const told = changes => changes.flatMap(({ addedNodes }) => [...addedNodes]).map(node => node.textContent);
  new MutationObserver(changes => window.heard.push(...told(changes).filter(Boolean)))
    .observe(document.querySelector(place), { subtree: true, childList: true });
}"""


@contextmanager
def paused(cluster: Cluster) -> Iterator[None]:
    """No job is begun meanwhile."""
    with cluster.client() as client:
        client.post("/queue/pause").raise_for_status()
        yield
        client.post("/queue/resume").raise_for_status()


def told(page: Any, *lines: str) -> None:
    """Wait until this was told, and nothing else."""
    until(page, f"window.heard.length >= {len(lines)}")
    assert page.evaluate("window.heard.splice(0)") == list(lines)


def press(page: Any, name: str, shown: str) -> None:
    """Press this button by the keyboard, and wait until there is what it shows."""
    page.get_by_role("button", name=name).focus()
    Keyboard(page).press("Enter", shown)


def test_a_card_s_commands_are_told_and_leave_the_focus_on_the_card(cluster: Cluster, open_page: OpenPage) -> None:
    page = open_page(cluster)
    with paused(cluster):
        page.set_input_files("#files", SAMPLE)
        page.locator("#uploads .state.queued").wait_for()
        page.evaluate(LISTEN, "#said")
        press(page, "Cancel sample.jpg", "#uploads .state.cancelled")
        told(page, "Cancelled sample.jpg.")
        rests_on(page, "link “sample.jpg”")
        press(page, "Retry sample.jpg", "#uploads .state.queued")
        told(page, "Requeued sample.jpg.")
        rests_on(page, "link “sample.jpg”")
        page.get_by_role("button", name="Cancel sample.jpg").focus()
    done(page, "sample.jpg")
    rests_on(page, "link “sample.jpg”")
    [job] = cluster.get("/jobs")["jobs"]
    with cluster.client() as client:  # somebody else purges it
        client.delete(f"/jobs/{job['id']}", params={"purge": 1}).raise_for_status()
    rests_on(page, "heading “Upload”")
    page.set_input_files("#files", SAMPLE)
    done(page, "sample.jpg")
    page.get_by_role("button", name="Clear finished").click()
    told(page, "Cleared 1 upload from this page.")


def test_commands_in_a_job_s_dialog_and_its_end_are_told_once_and_a_new_picture_takes_no_focus(
    cluster: Cluster, open_page: OpenPage
) -> None:
    with paused(cluster):
        job = cluster.upload(SAMPLE.read_bytes(), "one.jpg")["id"]
        page = open_page(cluster, f"/?view=jobs&job={job}", expected=("404",))
        page.locator("#job .state.queued").wait_for()
        page.evaluate(LISTEN, "#job .said")
        page.locator("#job").get_by_role("button", name="Cancel").click()
        page.locator("#job .state.cancelled").wait_for()
        told(page, "Cancelled one.jpg.")
        page.locator("#job").get_by_role("button", name="Requeue").click()
        page.locator("#job .state.queued").wait_for()
        told(page, "Requeued one.jpg.")
        names = ["large"]

        def with_pictures(route: Any) -> None:
            made = [{"name": name, "width": 1, "height": 1, "format": "jpeg", "bytes": 1} for name in names]
            route.fulfill(json=cluster.get(f"/jobs/{job}") | {"renditions": made})

        page.route(f"**/jobs/{job}", with_pictures)
        page.locator("#job").get_by_role("link", name="Download large of one.jpg").focus()
        names.append("thumb")
        page.locator("#job").get_by_role("link", name="Download thumb of one.jpg").wait_for()
        rests_on(page, "link “Download large of one.jpg”")
        page.unroute(f"**/jobs/{job}")
    page.locator("#job .state.done").wait_for()
    told(page, "one.jpg is done.")


def test_what_is_not_done_is_told_with_the_reason_and_back_is_no(cluster: Cluster, open_page: OpenPage) -> None:
    failed(cluster, "bad.jpg")
    cluster.ended(cluster.upload(SAMPLE.read_bytes(), "good.jpg")["id"])
    page = open_page(cluster, "/?view=jobs", expected=("400", "409"))
    page.locator("#jobs .row").nth(1).wait_for()
    page.keyboard.press("j")
    page.keyboard.press("r")
    heard(page, "good.jpg is done: only a failed, dead or cancelled job is requeued.")
    assert not page.evaluate("document.getElementById('confirm').open")
    page.locator("#select-all").check()
    page.get_by_role("button", name="Requeue selected").click()
    heard(page, "1 of 2 jobs requeued. Not the others: only a failed, dead or cancelled job runs once more")
    page.locator("#jobs .row", has_text="bad.jpg").locator(".failed").wait_for()
    page.locator("#jobs .row a", has_text="bad.jpg").click()
    page.locator("#job").get_by_role("button", name="Purge").click()
    page.locator("#confirm[open]").wait_for()
    page.go_back()
    until(page, "!document.querySelector('dialog[open]')")
    rests_on(page, "link “bad.jpg”")
    assert len(cluster.get("/jobs")["jobs"]) == 2
    page.select_option("#f-state", "dead")
    heard(page, "No job matches, state dead")
    page.locator("#f-code").fill("no_such")
    page.locator("#f-code").press("Enter")
    page.locator("#f-code-problem:not(:empty)").wait_for()
    until(page, "document.getElementById('found').textContent === ''")
