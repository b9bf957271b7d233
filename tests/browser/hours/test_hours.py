"""The last 24 hours on the page: the figures alone, and what operators see of a cluster."""

from collections.abc import Callable
from typing import Any

import httpx2
import pytest

from jobs.job import Code
from tests.browser.test_keys import SAMPLE, TRUNCATED, log_in
from tests.browser.test_modules import modules as modules
from tests.browser.test_page import jobs_view
from tests.support.clusters.cluster import Cluster, wait_until

pytestmark = pytest.mark.cluster
OpenPage = Callable[..., Any]
FIGURES = """async () => {
  const { path, byHour, whole, gaps, merged, ended, failed, highest } = await import("/hours/figures.js");
  const at = minutes => new Date(Date.UTC(2026, 6, 1, 10, minutes)).toISOString();
  const of = (minutes, accepted, ended = {}, oldest_seconds = 0) =>
    ({ at: at(minutes), accepted, ended, oldest_seconds, counted_seconds: 300 });
  const step = 300_000, from = Date.parse(at(0));
  const all = [of(0, 4, { done: 3 }), of(5, 0, { failed: 1, dead: 1 }, 2), of(20, 8), of(60, 1)];
  return {
    path: path(all, ({ accepted }) => accepted, 8, from, step),
    flat: path(all.slice(0, 1), () => 0, 0, from, step),
    sums: all.map(each => [ended(each), failed(each)]),
    gaps: [gaps(all, step), gaps(all.slice(0, 2), step), gaps([], step)],
    hours: byHour(all).map(({ at, ...rest }) => [new Date(at).toISOString(), rest]),
    merged: merged(all, [of(5, 7), of(65, 2)], Date.parse(at(5))).map(each => [each.at.slice(14, 16), each.accepted]),
    whole: [all, all.slice(3), []].map(each => whole(each, Date.parse(at(60))).length),
    highest: [highest(all, ({ accepted }) => accepted), highest([], () => 1)],
  };
}"""
MEANS = """async codes => {
  const { means } = await import("/hours/codes.js");
  return codes.map(means);
}"""


def test_a_missing_interval_is_a_gap_in_the_line(modules: Any) -> None:
    found = modules.evaluate(FIGURES)
    assert found["path"] == "M0 30.0h1L1 58.0h1M4 2.0h1M12 51.0h1"
    assert found["flat"] == "M0 58.0h1"
    assert found["gaps"] == [2, 0, 0]
    assert found["whole"] == [3, 1, 0], "the interval under way is drawn only if there is no other"


def test_hours_are_sums_of_their_intervals_the_latest_first(modules: Any) -> None:
    found = modules.evaluate(FIGURES)
    assert found["sums"] == [[3, 0], [2, 2], [0, 0], [0, 0]]
    assert found["hours"] == [
        ["2026-07-01T11:00:00.000Z", {"accepted": 1, "ended": 0, "failed": 0, "oldest": 0, "counted": 300}],
        ["2026-07-01T10:00:00.000Z", {"accepted": 12, "ended": 5, "failed": 2, "oldest": 2, "counted": 900}],
    ]
    assert found["highest"] == [8, 0]


def test_a_later_read_replaces_what_it_knows_and_the_old_goes(modules: Any) -> None:
    assert modules.evaluate(FIGURES)["merged"] == [["05", 7], ["20", 8], ["00", 1], ["05", 2]]


def test_the_page_knows_what_every_code_means(modules: Any) -> None:
    said = modules.evaluate(MEANS, [*(code.value for code in Code), "new"])
    assert said.pop() == ""
    assert all(sentence.endswith(".") for sentence in said)
    assert len(set(said)) == len(Code)


def test_an_operator_sees_the_last_hours_and_opens_a_slow_job(keyed: Cluster, open_page: OpenPage) -> None:
    operator = {"Authorization": "Bearer o"}

    def upload(path: Any) -> None:
        with path.open("rb") as image:
            headers = {"Authorization": "Bearer w", "Prefer": "wait=30"}
            assert httpx2.post(f"{keyed.url}/upload", files={"image": image}, headers=headers).status_code == 200

    def told() -> bool:
        hour = httpx2.get(f"{keyed.url}/stats/history?hours=1", headers=operator).json()["hour"]
        return bool(hour["slowest"]) and any(each["code"] == "undecodable" for each in hour["codes"])

    upload(SAMPLE)
    upload(TRUNCATED)
    wait_until(told, 30, "the interval with both jobs")
    page = open_page(keyed, expected=("401", "404"))  # the slowest may be an earlier test's, and purged
    log_in(page, "o")
    jobs_view(page)
    page.locator("#slowest a").first.wait_for()
    assert "accepted" in page.locator("#hours-jobs-chart").get_attribute("aria-label")
    assert page.locator("#hours-ended").get_attribute("d").startswith("M")
    row = page.locator("#frequent tr", has_text="undecodable")
    assert "The image is damaged." in row.inner_text()
    page.get_by_text("The last 24 hours as a table").click()
    assert page.locator("#hours-rows tr").count() >= 1
    row.locator("a").click()
    page.locator("#codes .chip, #jobs .row").first.wait_for()
    assert page.input_value("#f-code") == "undecodable"
    page.locator("#slowest a").first.click()
    page.locator("#job[open]").wait_for()


def test_others_see_no_last_hours(keyed: Cluster, open_page: OpenPage) -> None:
    page = open_page(keyed, expected=("401",))
    asked: list[str] = []
    page.on("request", lambda request: asked.append(request.url))
    log_in(page, "w")
    jobs_view(page)
    page.locator("#n-queued", has_text="0").wait_for()
    assert not page.locator("#hours").is_visible()
    assert not any("history" in url for url in asked)
