"""Where the keyboard is after an action, and what is heard of it, by Chromium's accessibility tree."""

from typing import Any

import pytest

from tests.browser.test_page import TRUNCATED, OpenPage, until
from tests.support.browser.heard import Keyboard, focused, live, tree_of
from tests.support.clusters.cluster import Cluster, wait_until

pytestmark = pytest.mark.cluster
ROWS = "[...document.querySelectorAll('#jobs .row a')].map(each => each.textContent).join()"


def failed(cluster: Cluster, *names: str) -> None:
    """Jobs of these names that failed, the last one first in the list."""
    for number, name in enumerate(names):
        cluster.ended(cluster.upload(TRUNCATED.read_bytes() + bytes(number), name)["id"])


def heard(page: Any, text: str) -> None:
    """Wait until a status says this, to assistive technology as well."""
    wait_until(lambda: any(text in line for line in live(tree_of(page), "status")), 10, f"{text!r} to be heard")


def rests_on(page: Any, text: str) -> None:
    """Wait until the focus is there."""
    wait_until(lambda: text in focused(tree_of(page)), 10, f"the focus on {text!r}")


def test_a_requeue_in_the_job_s_dialog_is_heard_and_keeps_the_focus(cluster: Cluster, open_page: OpenPage) -> None:
    failed(cluster, "one.jpg")
    page = open_page(cluster, "/?view=jobs")
    person = Keyboard(page)
    person.tab_to("link “one.jpg”")
    person.press("Enter", "#job .state.failed")
    cluster.ask(do="scale", workers=0)  # the job stays queued: its dialog has no such button meanwhile
    wait_until(lambda: cluster.get("/stats")["workers"] == [], 10, "no worker to be left")
    page.locator("#job").get_by_role("button", name="Requeue").focus()
    person.press("Enter")
    heard(page, "Requeued")
    page.locator("#job .state.queued").wait_for()
    rests_on(page, "heading “one.jpg”")
    cluster.ask(do="scale", workers=1)
    page.locator("#job .state.failed").wait_for()
    rests_on(page, "heading “one.jpg”")


def test_after_a_purge_the_focus_is_on_the_next_row_and_at_last_on_the_heading(
    cluster: Cluster, open_page: OpenPage
) -> None:
    failed(cluster, "one.jpg", "two.jpg", "three.jpg")
    page = open_page(cluster, "/?view=jobs")
    until(page, f"{ROWS} === 'three.jpg,two.jpg,one.jpg'")
    person = Keyboard(page)
    page.keyboard.press("j")
    page.keyboard.press("j")
    for name, after in (("two.jpg", "link “one.jpg”"), ("one.jpg", "link “three.jpg”")):
        rests_on(page, f"link “{name}”")
        person.press("Enter", "#job .state.failed")
        person.tab_to("button “Purge”")
        person.press("Enter", "#confirm[open]")
        person.tab_to("button “Purge”")
        person.press("Enter", "#said:has-text('Purged')")
        until(page, f"!{ROWS}.includes('{name}')")
        rests_on(page, after)
    page.locator("#jobs .row input").check()
    page.get_by_role("button", name="Purge selected").focus()
    person.press("Enter", "#confirm[open]")
    person.tab_to("button “Purge”")
    person.press("Enter", "#jobs-count:has-text('No job matches.')")
    rests_on(page, "heading “Jobs”")


def test_letters_stay_switched_on_or_off_after_back(cluster: Cluster, open_page: OpenPage) -> None:
    page = open_page(cluster)
    page.get_by_role("button", name="Help").click()
    letters = page.get_by_label("Use keys of a single letter")
    letters.uncheck()
    letters.check()
    page.goto(f"{cluster.url}/?view=jobs")
    page.go_back()
    page.locator("#health.healthy").wait_for()
    assert page.evaluate("document.getElementById('letters').checked")
    page.evaluate("localStorage.setItem('pixmill.letters', 'off'); dispatchEvent(new Event('pageshow'))")
    assert not page.evaluate("document.getElementById('letters').checked")
