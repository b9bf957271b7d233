"""What has the focus goes, by itself or by a command: what takes its place gets it, and not the top of the page."""

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import pytest

from tests.browser.access.test_focus import failed, heard, rests_on
from tests.browser.test_page import SAMPLE, OpenPage, done, until
from tests.support.browser.heard import Keyboard
from tests.support.clusters.cluster import Cluster

pytestmark = pytest.mark.cluster


@contextmanager
def paused(cluster: Cluster) -> Iterator[None]:
    """No job is begun meanwhile."""
    with cluster.client() as client:
        client.post("/queue/pause").raise_for_status()
        yield
        client.post("/queue/resume").raise_for_status()


def focus(page: Any, name: str) -> None:
    """Focus this button."""
    page.get_by_role("button", name=name).focus()


def test_a_card_s_button_that_goes_leaves_the_focus_on_its_card(cluster: Cluster, open_page: OpenPage) -> None:
    page = open_page(cluster)
    person = Keyboard(page)
    with paused(cluster):
        page.set_input_files("#files", SAMPLE)
        page.locator("#uploads .state.queued").wait_for()
        focus(page, "Cancel sample.jpg")
        person.press("Enter", "#uploads .state.cancelled")
        rests_on(page, "link “sample.jpg”")
        focus(page, "Retry sample.jpg")
        person.press("Enter", "#uploads .state.queued")
        rests_on(page, "link “sample.jpg”")
        focus(page, "Cancel sample.jpg")
    done(page, "sample.jpg")
    rests_on(page, "link “sample.jpg”")
    [job] = cluster.get("/jobs")["jobs"]
    with cluster.client() as client:  # somebody else purges it
        client.delete(f"/jobs/{job['id']}", params={"purge": 1}).raise_for_status()
    rests_on(page, "heading “Upload”")


def test_a_number_or_a_code_that_is_followed_leads_to_the_list(cluster: Cluster, open_page: OpenPage) -> None:
    failed(cluster, "one.jpg")
    page = open_page(cluster, "/?view=jobs")
    person = Keyboard(page)
    for link in ("#n-failed", "#codes .chip"):
        page.locator(link).focus()
        person.press("Enter")
        rests_on(page, "heading “Jobs”")
    heard(page, "1 job, state failed, code undecodable")


def test_a_code_keeps_the_focus_when_its_number_changes(cluster: Cluster, open_page: OpenPage) -> None:
    failed(cluster, "one.jpg")
    page = open_page(cluster, "/?state=failed")
    page.locator("#codes .chip", has_text="undecodable 1").focus()
    failed(cluster, "two.jpg")
    page.locator("#codes .chip", has_text="undecodable 2").wait_for()
    rests_on(page, "link “undecodable 2”")


def test_a_worker_that_drains_leaves_the_focus_in_the_table(cluster: Cluster, open_page: OpenPage) -> None:
    page = open_page(cluster, "/?view=jobs")
    page.locator("#workers button").focus()
    Keyboard(page).press("Enter", "#said:has-text('finishes its jobs and leaves')")
    rests_on(page, "region “Workers”")
    until(page, "document.querySelector('#workers .gone')")
    rests_on(page, "region “Workers”")


def test_a_picture_s_link_keeps_the_focus_when_another_picture_comes(cluster: Cluster, open_page: OpenPage) -> None:
    with paused(cluster):
        job = cluster.upload(SAMPLE.read_bytes(), "one.jpg")["id"]
        names = ["large"]

        def told(route: Any) -> None:
            made = [{"name": name, "width": 1, "height": 1, "format": "jpeg", "bytes": 1} for name in names]
            route.fulfill(json=cluster.get(f"/jobs/{job}") | {"renditions": made})

        page = open_page(cluster, expected=("404",))
        page.route(f"**/jobs/{job}", told)
        page.goto(f"{cluster.url}/?job={job}")
        page.locator("#job").get_by_role("link", name="Download large of one.jpg").focus()
        names.append("thumb")
        page.locator("#job").get_by_role("link", name="Download thumb of one.jpg").wait_for()
        rests_on(page, "link “Download large of one.jpg”")
