"""What has the focus goes, by itself or by a command: what takes its place gets it, and not the top of the page."""

import pytest

from tests.browser.access.test_focus import failed, heard, rests_on
from tests.browser.test_page import OpenPage, until
from tests.support.browser.heard import Keyboard
from tests.support.clusters.cluster import Cluster

pytestmark = pytest.mark.cluster


def test_a_number_or_a_code_leads_to_the_list_and_a_draining_worker_to_its_table(
    cluster: Cluster, open_page: OpenPage
) -> None:
    failed(cluster, "one.jpg")
    page = open_page(cluster, "/?view=jobs")
    person = Keyboard(page)
    for link in ("#n-failed", "#codes .chip"):
        page.locator(link).focus()
        person.press("Enter")
        rests_on(page, "heading “Jobs”")
    heard(page, "1 job, state failed, code undecodable")
    page.locator("#codes .chip", has_text="undecodable 1").focus()
    failed(cluster, "two.jpg")
    page.locator("#codes .chip", has_text="undecodable 2").wait_for()
    rests_on(page, "link “undecodable 2”")
    page.locator("#workers button").focus()
    person.press("Enter", "#said:has-text('finishes its jobs and leaves')")
    rests_on(page, "region “Workers”")
    until(page, "document.querySelector('#workers .gone')")
    rests_on(page, "region “Workers”")
