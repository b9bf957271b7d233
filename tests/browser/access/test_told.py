"""What is told of a view, of a filter, of a number and of a job to those who do not see them."""

import pytest

from tests.browser.access.test_focus import failed, heard, rests_on
from tests.browser.test_page import OpenPage, jobs_view, until, upload_view
from tests.support.browser.heard import tree_of
from tests.support.clusters.cluster import Cluster

pytestmark = pytest.mark.cluster


def test_a_view_has_a_title_and_its_heading_the_focus(cluster: Cluster, open_page: OpenPage) -> None:
    page = open_page(cluster)
    assert page.title() == "Upload · pixmill"
    jobs_view(page)
    assert page.title() == "Jobs · pixmill"
    rests_on(page, "heading “Jobs and workers”")
    page.keyboard.press("Home")
    page.locator("#skip-jobs").focus()
    page.keyboard.press("Enter")
    rests_on(page, "heading “Jobs”")
    upload_view(page)
    rests_on(page, "heading “Upload”")
    assert not page.locator("#skip-jobs").is_visible()


def test_a_filter_tells_what_it_found(cluster: Cluster, open_page: OpenPage) -> None:
    failed(cluster, "one.jpg")
    page = open_page(cluster, "/?view=jobs")
    page.select_option("#f-state", "failed")
    heard(page, "1 job, state failed")
    page.get_by_role("region", name="Jobs: state failed").wait_for()
    page.locator("#purge-matching").wait_for()
    page.select_option("#f-state", "dead")
    heard(page, "No job matches, state dead")
    assert not page.locator("#purge-matching").is_visible()
    assert not page.locator("#requeue-matching").is_visible()


def test_the_meaning_of_a_number_is_right_behind_its_button(cluster: Cluster, open_page: OpenPage) -> None:
    page = open_page(cluster, "/?view=jobs")
    button = page.get_by_role("button", name="What is Dead?")
    button.click()
    assert button.evaluate("it => it.nextElementSibling.matches('#word-dead:popover-open')")


def test_a_job_is_described_by_its_state_and_its_fault(cluster: Cluster, open_page: OpenPage) -> None:
    failed(cluster, "one.jpg")
    page = open_page(cluster, "/?view=jobs")
    page.locator("#jobs .row a").click()
    until(page, "document.getElementById('job-error')")
    [dialog] = [node for node in tree_of(page) if node.get("role", {}).get("value") == "dialog"]
    described = dialog["description"]["value"]
    assert described.startswith("failed ") and "undecodable" in described
    assert page.title() == "one.jpg · pixmill"
    page.keyboard.press("Escape")
    until(page, "document.title === 'Jobs · pixmill'")
