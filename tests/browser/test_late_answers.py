"""Answers that come late, broken or not at all: the page shows what is asked for now, and gets out of every fault."""

import copy
import re
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import httpx2
import pytest

from tests.browser.test_page import SAMPLE, TINY, TRUNCATED, OpenPage, until
from tests.support.clusters.cluster import Cluster, wait_until
from tests.support.patience import stretched

pytestmark = pytest.mark.cluster
PAGE = 200
ROWS = "[...document.querySelectorAll('#jobs .row a')].map(each => each.textContent)"
COUNT = "document.getElementById('jobs-count').textContent"
PURGE_SELECTED, PURGE_MATCHING = "#purge-selected", "#purge-matching"


@pytest.fixture
def two_kinds(cluster: Cluster) -> Cluster:
    """With one job that is done and one that failed."""
    cluster.ended(cluster.upload(SAMPLE.read_bytes(), "good.jpg")["id"])
    cluster.ended(cluster.upload(TRUNCATED.read_bytes(), "bad.jpg")["id"])
    return cluster


@contextmanager
def held(page: Any, pattern: str | re.Pattern[str]) -> Iterator[list[Any]]:
    """Requests like these get no answer meanwhile: they are in the list, to be answered by the test, or at the end."""
    routes: list[Any] = []
    page.route(pattern, lambda route: routes.append(route))
    try:
        yield routes
    finally:
        page.unroute(pattern)


def first_of(page: Any, routes: list[Any]) -> Any:
    wait_until(lambda: page.evaluate("1") and routes, 10, "the page to ask")
    return routes[0]


def test_a_slow_answer_to_an_old_filter_changes_nothing(two_kinds: Cluster, open_page: OpenPage) -> None:
    page = open_page(two_kinds, "/?view=jobs")
    until(page, f"{ROWS}.join() === 'bad.jpg,good.jpg'")
    with held(page, re.compile(r"/jobs\?state=done")) as routes:
        page.select_option("#f-state", "done")
        late = first_of(page, routes)
        page.select_option("#f-state", "failed")
        until(page, f"{ROWS}.join() === 'bad.jpg'")
        with page.expect_response(re.compile(r"/jobs\?state=done")):
            late.continue_()
        page.wait_for_timeout(300)
        assert page.evaluate(ROWS) == ["bad.jpg"]


def test_until_a_filter_is_answered_nothing_of_the_one_before_is_listed(
    two_kinds: Cluster, open_page: OpenPage
) -> None:
    """Under `Purge all that match` would stand what it does not act on."""
    page = open_page(two_kinds, "/?state=done")
    until(page, f"{ROWS}.join() === 'good.jpg'")
    with held(page, re.compile(r"/jobs\?state=failed")) as routes:
        page.select_option("#f-state", "failed")
        late = first_of(page, routes)
        assert (page.evaluate(ROWS), page.evaluate(COUNT)) == ([], "Reading…")
        late.continue_()
        until(page, f"{ROWS}.join() === 'bad.jpg'")
    assert page.evaluate(COUNT) == "1 job"


def test_the_filters_before_have_no_further_page(two_kinds: Cluster, open_page: OpenPage) -> None:
    """Where theirs went on is nothing to ask of others: their newest jobs would be missing."""
    page = open_page(two_kinds, "/?view=jobs")
    pages = Pages(two_kinds.get("/jobs")["jobs"][0], 2 * PAGE)
    page.route("**/jobs?*", pages)
    page.select_option("#f-state", "done")
    until(page, f"{COUNT} === '200 jobs and more'")
    with held(page, re.compile(r"/jobs\?state=failed")) as routes:
        page.select_option("#f-state", "failed")
        first_of(page, routes)
        page.locator("#jobs-frame").dispatch_event("scroll")
        page.wait_for_timeout(300)
        assert ["after" in route.request.url for route in routes] == [False]


def test_a_slow_answer_does_not_replace_a_newer_one(two_kinds: Cluster, open_page: OpenPage) -> None:
    page = open_page(two_kinds, "/?view=jobs")
    until(page, f"{ROWS}.length === 2")
    with held(page, "**/jobs?limit=*") as routes:
        page.evaluate("dispatchEvent(new Event('popstate'))")
        two_kinds.ended(two_kinds.upload(TINY.read_bytes(), "third.png")["id"])
        late = first_of(page, routes)
        answer = httpx2.get(late.request.url).json()
        two_kinds.ended(two_kinds.upload(TINY.read_bytes() + b"x", "fourth.png")["id"])
        wait_until(lambda: page.evaluate("1") and len(routes) > 1, 10, "the page to ask again")
        routes[1].continue_()
        until(page, f"{ROWS}.length === 4")
        late.fulfill(json={"jobs": [job for job in answer["jobs"] if job["filename"] != "fourth.png"], "next": None})
        page.wait_for_timeout(300)
        assert page.evaluate(ROWS)[0] == "fourth.png"


def test_a_job_that_is_purged_meanwhile_does_not_come_back(two_kinds: Cluster, open_page: OpenPage) -> None:
    page = open_page(two_kinds, "/?view=jobs")
    until(page, f"{ROWS}.length === 2")
    [bad] = [job for job in two_kinds.get("/jobs")["jobs"] if job["filename"] == "bad.jpg"]
    old = two_kinds.get("/jobs")
    with held(page, re.compile(r"/jobs\?state=failed")) as routes:
        page.select_option("#f-state", "failed")
        late = first_of(page, routes)
        assert httpx2.delete(f"{two_kinds.url}/jobs/{bad['id']}?purge=1").status_code == 204
        until(page, "document.getElementById('n-failed').textContent === '0'")
        late.fulfill(json={"jobs": [job for job in old["jobs"] if job["state"] == "failed"], "next": None})
        page.wait_for_timeout(300)
        assert page.evaluate(ROWS) == []


class Pages:
    """Fake pages of a long list, made of a real job; `faults` are answered first, each once."""

    def __init__(self, job: dict[str, Any], total: int, *faults: tuple[int, dict[str, str]]) -> None:
        self._job, self._total, self.faults = job, total, list(faults)
        self.asked: list[int] = []

    def __call__(self, route: Any) -> None:
        found = re.search(r"after=(\d+)", route.request.url)
        start = int(found[1]) if found else 0
        self.asked.append(start)
        if start and self.faults:
            status, headers = self.faults.pop(0)
            route.fulfill(status=status, headers=headers, json={"detail": "away for a moment"})
            return
        jobs = [
            copy.deepcopy(self._job) | {"id": f"{n:026d}", "renditions": []}
            for n in range(start, min(self._total, start + PAGE))
        ]
        end = start + PAGE
        route.fulfill(json={"jobs": jobs, "next": str(end) if end < self._total else None})


@pytest.mark.parametrize("fault", [(503, {"Retry-After": "1"}), (429, {}), (200, {"Content-Type": "text/html"})])
def test_after_a_failed_page_the_further_ones_are_read(
    two_kinds: Cluster, open_page: OpenPage, fault: tuple[int, dict[str, str]]
) -> None:
    page = open_page(two_kinds, "/?view=jobs", expected=("503", "429"))
    pages = Pages(two_kinds.get("/jobs")["jobs"][0], 2 * PAGE + 50, fault)
    if fault[0] == 200:
        pages.faults.clear()
        page.route(re.compile("after=200"), lambda route: route.fulfill(body="<html>"), times=1)
        page.route(re.compile(r"/jobs\?((?!after=200).)*$"), pages)
    else:
        page.route("**/jobs?*", pages)
    page.select_option("#f-state", "failed")
    until(page, f"{COUNT} === '200 jobs and more'")
    for _ in range(3):
        page.locator("#jobs-frame").evaluate("frame => frame.scrollBy(0, 100000)")
        page.wait_for_timeout(100)
    if fault[0] == 200:
        page.route("**/jobs?*", pages)
    wait_until(lambda: scrolled(page) == "450 jobs", 10, "all pages")
    assert pages.asked.count(PAGE) <= 2  # no second try before its time


def scrolled(page: Any) -> Any:
    page.locator("#jobs-frame").evaluate("frame => frame.scrollBy(0, 100000)")
    return page.evaluate(COUNT)


def test_a_first_page_that_failed_is_read_again(two_kinds: Cluster, open_page: OpenPage) -> None:
    page = open_page(two_kinds, "/?view=jobs", expected=("400", "ERR_"))
    asked: list[str] = []
    page.on("request", lambda request: asked.append(request.url) if "state=done" in request.url else None)
    page.route("**/jobs?state=done*", lambda route: route.abort(), times=1)
    page.select_option("#f-state", "done")
    until(page, f"{ROWS}.join() === 'good.jpg'")
    page.route("**/jobs?state=done*", lambda route: route.fulfill(status=400, json={"detail": "no such filter"}))
    page.select_option("#f-state", "")
    until(page, f"{ROWS}.length === 2")
    asked.clear()
    page.select_option("#f-state", "done")
    page.locator("#said", has_text="no such filter").wait_for()
    until(page, f"{ROWS}.length === 0 && {COUNT} === 'The jobs could not be read.'")
    page.wait_for_timeout(1500)
    assert len(asked) == 1  # what will not pass is not asked again


def test_an_open_job_that_cannot_be_read_is_asked_for_at_a_pace(two_kinds: Cluster, open_page: OpenPage) -> None:
    page = open_page(two_kinds, "/?view=jobs", expected=("503",))
    until(page, f"{ROWS}.length === 2")
    asked: list[str] = []

    def refused(route: Any) -> None:
        asked.append(route.request.url)
        route.fulfill(status=503, json={"detail": "away for a moment"})

    page.route(re.compile(r"/jobs/\w{26}$"), refused)
    page.locator("#jobs .row a").first.click()
    page.locator("#job-body [role=alert]", has_text="away for a moment").wait_for()
    page.wait_for_timeout(1500)
    assert len(asked) <= 3
    page.unroute(re.compile(r"/jobs/\w{26}$"))
    page.locator("#job .state").wait_for()


def test_the_mark_stays_with_its_job(two_kinds: Cluster, open_page: OpenPage) -> None:
    page = open_page(two_kinds, "/?view=jobs")
    until(page, f"{ROWS}.length === 2")
    page.keyboard.press("j")
    assert page.locator("#jobs .row.current a").inner_text() == "bad.jpg"
    two_kinds.ended(two_kinds.upload(TINY.read_bytes(), "third.png")["id"])
    until(page, f"{ROWS}.length === 3")
    assert page.locator("#jobs .row.current a").inner_text() == "bad.jpg"
    page.keyboard.press("r")
    page.locator("#confirm-question", has_text="Requeue bad.jpg?").wait_for()
    with page.expect_request("**/requeue") as asked:
        page.locator("#confirm-action").click()
    [bad] = [job for job in two_kinds.get("/jobs")["jobs"] if job["filename"] == "bad.jpg"]
    assert asked.value.url.endswith(f"/jobs/{bad['id']}/requeue")


def test_no_question_changes_under_a_click(two_kinds: Cluster, open_page: OpenPage) -> None:
    page = open_page(two_kinds, "/?state=failed")
    page.locator("#jobs .row input").check()
    with held(page, "**/jobs?*dry_run*") as routes:
        page.locator(PURGE_MATCHING).click()
        late = first_of(page, routes)
        page.locator(PURGE_SELECTED).click()
        page.locator("#confirm[open]").wait_for()
        late.fulfill(json={"matched": 5000})
        page.wait_for_timeout(300)
        assert page.locator("#confirm-question").inner_text() == "Remove 1 job and all its files for good?"
        page.get_by_role("button", name="Keep").click()
        page.locator("#confirm-question", has_text="Remove 5,000 jobs").wait_for()
        page.get_by_role("button", name="Keep").click()
    assert len(two_kinds.get("/jobs")["jobs"]) == 2


def test_a_session_that_cannot_be_read_is_asked_for_again(cluster: Cluster, open_page: OpenPage, browser: Any) -> None:
    context = browser.new_context()
    page = context.new_page()
    page.route("**/session", lambda route: route.fulfill(body="<html>a proxy's page</html>"), times=2)
    page.goto(cluster.url)
    page.locator("#health.healthy").wait_for(timeout=1000 * stretched(10))
    context.close()
