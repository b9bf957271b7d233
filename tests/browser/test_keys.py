"""The page where the server asks for keys: log in, what a read key shows, log out."""

from collections.abc import Callable
from typing import Any

import httpx2
import pytest

from jobs.access.keys import digest_of
from tests.browser.test_page import jobs_view
from tests.support.clusters.cluster import ROOT, Cluster, wait_until

pytestmark = pytest.mark.cluster
SAMPLE = ROOT / "test-data" / "sample.jpg"
TRUNCATED = ROOT / "test-data" / "truncated.jpg"
OpenPage = Callable[..., Any]


def log_in(page: Any, key: str) -> None:
    page.locator("#log-in[open]").wait_for()
    page.fill("#key", key)
    page.get_by_role("button", name="Log in").click()


def open_locked(open_page: OpenPage, cluster: Cluster) -> Any:
    return open_page(cluster, expected=("401",))  # the console tells of the first, refused question


def test_a_write_key_uploads_and_its_job_is_nobody_else_s(keyed: Cluster, open_page: OpenPage) -> None:
    page = open_locked(open_page, keyed)
    log_in(page, "wrong")
    page.locator("#log-in-problem", has_text="there is no such key").wait_for()
    page.keyboard.press("Escape")
    assert page.evaluate("document.getElementById('log-in').open")
    log_in(page, "w")
    page.locator("#who", has_text="acme, write").wait_for()
    page.set_input_files("#files", SAMPLE)
    card = page.locator("#uploads .card", has_text="sample.jpg")
    card.locator(".state.done").wait_for()
    wait_until(
        lambda: card.locator("img").evaluate_all("all => all.length && all.every(each => each.naturalWidth > 0)"),
        10,
        "the pictures, fetched with the cookie alone",
    )
    jobs_view(page)
    assert not page.locator("#pause").is_visible()
    assert not page.locator("#workers button").is_visible()
    assert page.evaluate("document.cookie") == ""
    page.get_by_role("button", name="Log out").click()
    log_in(page, "b")
    page.locator("#who", has_text="bolt, write").wait_for()
    jobs_view(page)
    page.locator("#jobs-count", has_text="No job matches.").wait_for()
    assert page.locator("#uploads .card").count() == 0


def test_a_read_key_sees_disabled_buttons(keyed: Cluster, open_page: OpenPage) -> None:
    with TRUNCATED.open("rb") as image:
        headers = {"Authorization": "Bearer w", "Prefer": "wait=10"}
        assert httpx2.post(f"{keyed.url}/upload", files={"image": image}, headers=headers).status_code == 200
    page = open_locked(open_page, keyed)
    log_in(page, "r")
    page.locator("#files:disabled").wait_for(state="attached")
    assert page.locator("#folder").is_disabled()
    jobs_view(page)
    page.locator("#jobs .row .state.failed").wait_for()
    page.locator("#health.healthy").wait_for()
    page.select_option("#f-state", "failed")
    page.locator("#purge-matching").wait_for()
    page.locator("#jobs .row input").check()
    page.locator("#workers tr").wait_for()
    for button in ("#requeue-selected", "#purge-selected", "#requeue-matching", "#purge-matching", "#files"):
        assert page.locator(button).is_disabled(), button
    for button in ("#pause", "#workers button"):
        assert not page.locator(button).is_visible(), button
    page.locator("#jobs .row a").click()
    page.locator("#job .error").wait_for()
    for name in ("Requeue", "Purge"):
        assert page.locator("#job").get_by_role("button", name=name).is_disabled()


def test_an_operator_alone_sees_who_did_what(keyed: Cluster, open_page: OpenPage) -> None:
    page = open_locked(open_page, keyed)
    log_in(page, "w")
    page.locator("#health.healthy").wait_for()
    jobs_view(page)
    page.locator("#workers tr").wait_for()
    assert not page.locator("#log").is_visible()
    page.get_by_role("button", name="Log out").click()
    log_in(page, "o")
    page.locator("#who", has_text="operate").wait_for()
    jobs_view(page)
    page.get_by_role("button", name="Pause").click()
    page.get_by_role("button", name="Resume").click()
    page.get_by_role("button", name="Pause").wait_for()
    page.get_by_text("Who did what").click()
    newest = page.locator("#log-rows tr").first.locator("td")
    newest.first.wait_for()
    assert newest.all_inner_texts()[1:] == [digest_of(b"o").hex()[:8], "resume", "", "1"]
    for number in range(60):
        verb = "pause" if number % 2 else "resume"
        headers = {"Authorization": "Bearer o"}
        assert httpx2.post(f"{keyed.url}/queue/{verb}", headers=headers).status_code == 200
    httpx2.post(f"{keyed.url}/queue/resume", headers=headers).raise_for_status()
    page.get_by_text("Who did what").click()
    page.get_by_text("Who did what").click()
    page.locator("#log-rows tr").nth(49).wait_for()
    page.get_by_role("button", name="Show older").click()
    page.locator("#log-rows tr").nth(60).wait_for()


def test_who_is_logged_out_elsewhere_logs_in_again(keyed: Cluster, open_page: OpenPage) -> None:
    page = open_locked(open_page, keyed)
    log_in(page, "w")
    page.locator("#health.healthy").wait_for()
    page.context.clear_cookies()
    page.set_input_files("#files", SAMPLE)
    card = page.locator("#uploads .card", has_text="sample.jpg")
    card.locator(".quiet", has_text="You are logged out: log in, and it goes on").wait_for()
    log_in(page, "w")
    card.locator(".state.done").wait_for()


def test_a_log_out_in_one_tab_is_one_in_all(keyed: Cluster, open_page: OpenPage) -> None:
    page = open_locked(open_page, keyed)
    log_in(page, "w")
    page.locator("#health.healthy").wait_for()
    other = page.context.new_page()
    other.goto(keyed.url)
    other.locator("#health.healthy").wait_for()
    page.get_by_role("button", name="Log out").click()
    other.locator("#log-in[open]").wait_for()
