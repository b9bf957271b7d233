"""What an operator finds in a long list: one tenant's jobs, those of a time, the longest of all, one by its id; and all
that match at once."""

import re
from typing import Any
from urllib.parse import parse_qs, urlsplit

import pytest

from tests.browser.test_keys import log_in
from tests.browser.test_late_answers import COUNT, PAGE, Pages
from tests.browser.test_page import SAMPLE, TRUNCATED, OpenPage, until
from tests.support.clusters.cluster import Cluster

pytestmark = pytest.mark.cluster
ROWS = "[...document.querySelectorAll('#jobs .row a')].map(each => each.textContent).join()"


class Long(Pages):
    """A list whose job number n took n seconds: the longest is on the last page."""

    def __call__(self, route: Any) -> None:
        class Answered:
            """The route, whose answer gets the times."""

            request = route.request

            @staticmethod
            def fulfill(json: Any) -> None:
                for job in json["jobs"]:
                    minutes, seconds = divmod(int(job["id"]), 60)
                    job["ended_at"] = f"2026-01-01T00:{minutes:02}:{seconds:02}.000Z"
                    job["accepted_at"] = "2026-01-01T00:00:00.000Z"
                    job["filename"] = f"{int(job['id'])}.jpg"
                route.fulfill(json=json)

        super().__call__(Answered)


def queries(page: Any) -> list[dict[str, list[str]]]:
    """What the page asks of the list from now on."""
    asked: list[dict[str, list[str]]] = []
    page.on(
        "request",
        lambda request: (
            asked.append(parse_qs(urlsplit(request.url).query)) if urlsplit(request.url).path == "/jobs" else None
        ),
    )
    return asked


def test_an_operator_sees_one_tenant_s_jobs(keyed: Cluster, open_page: OpenPage) -> None:
    with keyed.client() as client:
        for key in ("w", "b"):
            headers = {"Authorization": f"Bearer {key}", "Prefer": "wait=20"}
            sent = client.post("/upload", files={"image": (f"{key}.jpg", TRUNCATED.read_bytes())}, headers=headers)
            assert sent.json()["state"] == "failed"
    page = open_page(keyed, "/?view=jobs", expected=("401",))
    log_in(page, "o")
    until(page, f"{ROWS} === 'b.jpg,w.jpg'")
    page.get_by_label("Tenant").select_option("acme")
    until(page, f"{ROWS} === 'w.jpg'")
    assert page.url.endswith("?tenant=acme")
    page.reload()
    until(page, f"{ROWS} === 'w.jpg' && document.getElementById('f-tenant').value === 'acme'")
    page.select_option("#f-state", "failed")
    page.get_by_role("button", name="Purge all that match").click()
    page.locator("#confirm-question", has_text="Remove 1 job and").wait_for()
    page.locator("#confirm-action").click()
    page.locator("#jobs-count", has_text="No job matches.").wait_for()
    page.get_by_role("link", name="Clear filters").click()
    until(page, f"{ROWS} === 'b.jpg'")
    page.get_by_role("button", name="Log out").click()
    log_in(page, "w")
    page.locator("#who", has_text="acme").wait_for()
    page.goto(f"{keyed.url}/?view=jobs")
    page.locator("#jobs-count", has_text="No job matches.").wait_for()
    assert not page.get_by_label("Tenant").is_visible()


def test_a_time_is_the_reader_s_own_and_asked_for_in_utc(cluster: Cluster, open_page: OpenPage) -> None:
    cluster.ended(cluster.upload(SAMPLE.read_bytes(), "now.jpg")["id"])
    page = open_page(cluster, "/?view=jobs", timezone_id="Europe/Berlin")
    until(page, f"{ROWS} === 'now.jpg'")
    asked = queries(page)
    page.get_by_label("Accepted before", exact=True).fill("2026-07-01T12:00")
    assert asked == []  # it is not whole before its field is left
    page.get_by_label("Accepted after", exact=True).focus()
    page.locator("#jobs-count", has_text="No job matches.").wait_for()
    assert [each["accepted_before"] for each in asked] == [["2026-07-01T10:00:00Z"]]
    page.get_by_label("Accepted after", exact=True).fill("2026-07-01T12:00")
    page.get_by_label("Accepted before", exact=True).fill("")
    page.keyboard.press("Enter")
    until(page, f"{ROWS} === 'now.jpg'")
    assert "accepted_after=2026-07-01T10" in page.url and "accepted_before" not in page.url
    page.reload()
    until(page, f"{ROWS} === 'now.jpg'")
    assert page.get_by_label("Accepted after", exact=True).input_value() == "2026-07-01T12:00"


def test_the_longest_of_all_is_found_on_the_last_page(cluster: Cluster, open_page: OpenPage) -> None:
    job = cluster.ended(cluster.upload(SAMPLE.read_bytes(), "one.jpg")["id"])
    page = open_page(cluster)
    page.route("**/jobs?*", Long(job, 2 * PAGE + 50))
    page.get_by_role("link", name="Jobs and workers").click()
    until(page, f"{COUNT} === '200 jobs and more'")
    page.get_by_label("Order").select_option("duration")
    until(page, f"{COUNT} === '450 jobs' && {ROWS}.startsWith('449.jpg,448.jpg')")


def test_all_that_match_are_selected_also_those_that_were_not_read(cluster: Cluster, open_page: OpenPage) -> None:
    job = cluster.ended(cluster.upload(TRUNCATED.read_bytes(), "bad.jpg")["id"])
    page = open_page(cluster)
    pages, commands = Pages(job, 2 * PAGE + 50), list[tuple[str, dict[str, list[str]]]]()

    def command(route: Any) -> None:
        commands.append((route.request.method, parse_qs(urlsplit(route.request.url).query)))
        route.fulfill(json={"matched": 450, "changed": 450})

    page.route("**/jobs?*", lambda route: (pages if route.request.method == "GET" else command)(route))
    page.route("**/jobs/requeue?*", command)
    page.get_by_role("link", name="Jobs and workers").click()
    until(page, f"{COUNT} === '200 jobs and more'")
    matching = page.get_by_role("button", name="Select all that match")
    assert not matching.is_visible()
    page.get_by_label("Select all", exact=True).check()
    page.locator("#selected-count", has_text="200 selected").wait_for()
    matching.click()
    page.locator("#selected-count", has_text="all that match are selected").wait_for()
    page.locator("#jobs .row input").nth(1).uncheck()
    page.locator("#selected-count", has_text="199 selected").wait_for()
    page.locator("#jobs .row input").nth(1).check()
    matching.click()
    page.get_by_role("button", name="Requeue selected").click()
    page.locator("#confirm-question", has_text="those of 450 jobs that are failed, dead or cancelled?").wait_for()
    page.locator("#confirm-action").click()
    page.locator("#said", has_text="450 jobs requeued.").wait_for()
    page.locator("#selected-count", has_text="selected").wait_for(state="hidden")
    assert commands == [("POST", {"all": ["1"], "dry_run": ["1"]}), ("POST", {"all": ["1"]})]
    page.select_option("#f-state", "failed")
    until(page, f"{COUNT} === '200 jobs and more'")
    page.get_by_label("Select all", exact=True).check()
    matching.click()
    page.get_by_role("button", name="Purge selected").click()
    page.locator("#confirm-question", has_text="Remove 450 jobs and all their files for good?").wait_for()
    page.locator("#confirm-action").click()
    page.locator("#said", has_text="450 jobs purged.").wait_for()
    assert commands[-1] == ("DELETE", {"all": ["1"], "purge": ["true"], "state": ["failed"]})


def test_an_id_is_found_without_a_search(cluster: Cluster, open_page: OpenPage) -> None:
    job = cluster.ended(cluster.upload(SAMPLE.read_bytes(), "one.jpg")["id"])
    page = open_page(cluster)
    page.route(re.compile(r"/jobs\?"), Pages(job, 2 * PAGE))
    page.get_by_role("link", name="Jobs and workers").click()
    until(page, f"{COUNT} === '200 jobs and more'")
    asked = queries(page)
    page.get_by_label("Id, name or reference").fill(job["id"].upper())
    page.keyboard.press("Enter")
    until(page, f"{COUNT} === '1 job found among 1 job' && {ROWS} === 'one.jpg'")
    assert asked == []
    assert job["id"][-8:] in page.locator("#jobs .row").inner_text()
