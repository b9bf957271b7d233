"""The page in a real Chromium on a real cluster."""

import os
import signal
from collections.abc import Callable
from typing import Any

import pytest

from tests.support.clusters.cluster import ROOT, Cluster, children_of, wait_until

pytestmark = pytest.mark.cluster
SAMPLE = ROOT / "test-data" / "sample.jpg"
TINY = ROOT / "test-data" / "1x1.png"
TRUNCATED = ROOT / "test-data" / "truncated.jpg"
DROP = """bytes => {
  const data = new DataTransfer();
  data.items.add(new File([new Uint8Array(bytes)], "dropped.jpg", { type: "image/jpeg" }));
  const options = { dataTransfer: data, bubbles: true, cancelable: true };
  for (const name of ["dragenter", "dragover", "drop"])
    document.getElementById("drop").dispatchEvent(new DragEvent(name, options));
}"""

OpenPage = Callable[..., Any]


def until(page: Any, expression: str, seconds: float = 10) -> None:
    """Wait for an expression to be true; the page's own policy forbids Playwright's way, which evaluates a text."""
    wait_until(lambda: page.evaluate(expression), seconds, expression)


def jobs_view(page: Any) -> None:
    page.get_by_role("link", name="Jobs and workers").click()
    page.locator("#view-jobs").wait_for()


def upload_view(page: Any) -> None:
    page.get_by_role("link", name="Upload", exact=True).click()
    page.locator("#view-upload").wait_for()


def done(page: Any, name: str) -> Any:
    card = page.locator("#uploads .card", has_text=name)
    card.locator(".state.done").wait_for()
    return card


def test_picked_and_dropped_files_are_uploaded_shown_and_remembered(cluster: Cluster, open_page: OpenPage) -> None:
    page = open_page(cluster)
    page.set_input_files("#files", SAMPLE)
    card = done(page, "sample.jpg")
    assert card.locator("img").evaluate_all("all => all.map(each => each.getAttribute('src').split('/').pop())") == [
        "large",
        "thumb",
    ]
    page.evaluate(DROP, list(SAMPLE.read_bytes()))
    done(page, "dropped.jpg")
    page.reload()
    done(page, "sample.jpg")
    done(page, "dropped.jpg")


def test_the_colours_of_a_picture_are_shown_before_its_renditions(cluster: Cluster, open_page: OpenPage) -> None:
    recipe = '{"placeholder": ["thumbhash"], "info": true}'
    job = cluster.upload(SAMPLE.read_bytes(), "sample.jpg", recipe=recipe)["id"]
    cluster.ended(job)
    page = open_page(cluster)
    page.evaluate("id => localStorage.setItem('pixmill.uploads', JSON.stringify([id]))", job)
    page.reload()
    colours = done(page, "sample.jpg").locator(".preview img")
    assert colours.get_attribute("src").startswith("data:image/png")
    until(page, "document.querySelector('.preview img').naturalWidth > 8")
    page = open_page(cluster, f"/?job={job}")
    page.locator("#job .preview img").wait_for()
    assert page.get_by_role("region", name="Facts").get_by_text("pixmill").first.is_visible()


def test_an_upload_that_cannot_be_read_now_is_not_forgotten(cluster: Cluster, open_page: OpenPage) -> None:
    page = open_page(cluster, expected=("503",))
    page.set_input_files("#files", SAMPLE)
    done(page, "sample.jpg")
    page.route("**/jobs/*", lambda route: route.fulfill(status=503, json={"detail": "restarting"}))
    with page.expect_response(lambda response: response.status == 503):
        page.reload()
    page.unroute("**/jobs/*")
    page.reload()
    done(page, "sample.jpg")


def test_an_upload_ends_although_its_worker_is_killed(cluster: Cluster, open_page: OpenPage) -> None:
    page = open_page(cluster)
    [keeper] = cluster.pids("worker")
    for decoder in cluster.decoders(keeper):  # else the job may be done between two beats, and never seen to run
        os.kill(decoder, signal.SIGSTOP)
    page.set_input_files("#files", [ROOT / "test-data" / "12mp.jpg", SAMPLE])
    wait_until(lambda: cluster.get("/stats")["jobs"]["running"], 10, "a job to run")
    os.kill(keeper, signal.SIGKILL)
    done(page, "12mp.jpg")
    done(page, "sample.jpg")
    until(page, "document.querySelectorAll('#workers tr').length === 1")


def test_a_failed_job_is_shown_requeued_and_purged(cluster: Cluster, open_page: OpenPage) -> None:
    page = open_page(cluster)
    page.set_input_files("#files", TRUNCATED)
    page.locator("#uploads .card .state.failed").wait_for()
    jobs_view(page)
    page.select_option("#f-state", "failed")
    page.wait_for_url("**/?state=failed")
    row = page.locator("#jobs .row", has_text="truncated.jpg")
    row.locator(".state.failed").wait_for()  # until the list has come, its row is as the one before showed it
    assert "undecodable" in row.inner_text()
    row.locator("a").click()
    page.locator("#job .error").wait_for()
    before = page.locator("#job tbody tr").count()
    page.locator("#job").get_by_role("button", name="Requeue").click()
    until(
        page,
        f"[...document.querySelectorAll('#job tbody tr')].slice({before}).some(row => /ended/.test(row.innerText))",
    )
    page.keyboard.press("Escape")
    page.locator("#jobs .row .state.failed").wait_for()
    page.locator("#purge-matching").click()
    page.locator("#confirm[open]").wait_for()
    assert page.locator("#confirm-question").inner_text() == "Remove 1 job and all their files for good?"
    page.locator("#confirm-action").click()
    wait_until(lambda: not cluster.get("/jobs")["jobs"], 10, "the job to be removed")
    until(page, "document.querySelectorAll('#jobs .row').length === 0")


def test_pause_and_resume(cluster: Cluster, open_page: OpenPage) -> None:
    page = open_page(cluster)
    jobs_view(page)
    page.get_by_role("button", name="Pause").click()
    page.locator("#health.trouble", has_text="Paused: uploads go on, but no job is started").wait_for()
    assert page.locator("#said").inner_text() == "", "it is told once, by the health"
    upload_view(page)
    page.locator("#files").set_input_files(SAMPLE)
    card = page.locator("#uploads .card", has_text="The queue is paused: it waits until an operator resumes")
    card.locator(".state.queued").wait_for()
    jobs_view(page)
    page.get_by_role("button", name="Resume").click()
    page.locator("#said", has_text="Jobs are started again.").wait_for()
    page.get_by_role("button", name="Pause").click()
    until(page, "document.getElementById('said').textContent === ''")
    page.get_by_role("button", name="Resume").click()
    upload_view(page)
    done(page, "sample.jpg")


def test_an_operator_pauses_one_tenant(cluster: Cluster, open_page: OpenPage) -> None:
    page = open_page(cluster, "/?view=jobs&tenant=acme")
    page.get_by_role("button", name="Pause acme").click()
    told = "acme is paused: uploads go on, but no job of theirs is started"
    page.locator("#health.trouble", has_text=told).wait_for()
    assert page.locator("#said").inner_text() == "", "it is told once, by the health"
    assert cluster.get("/stats")["queue"]["paused_tenants"] == ["acme"]
    page.get_by_role("button", name="Resume acme").click()
    page.get_by_role("button", name="Pause acme").wait_for()
    assert cluster.get("/stats")["queue"]["paused_tenants"] == []


def test_keys_move_and_open(cluster: Cluster, open_page: OpenPage) -> None:
    page = open_page(cluster, "/?view=jobs")
    page.set_input_files("#files", [SAMPLE, ROOT / "test-data" / "cmyk.jpg"])
    until(page, "document.querySelectorAll('#jobs .row').length === 2")
    page.keyboard.press("j")
    page.keyboard.press("j")
    page.keyboard.press("Enter")
    page.locator("#job .pictures img").first.wait_for()
    page.keyboard.press("Escape")
    until(page, "!document.getElementById('job').open && location.search === '?view=jobs'")
    page.keyboard.press("?")
    page.locator("#help[open]").wait_for()
    page.keyboard.press("Escape")
    page.keyboard.press("/")
    assert page.evaluate("document.activeElement.id") == "f-reference"


def test_a_killed_web_process_is_not_noticed(new_cluster: Callable[..., Cluster], open_page: OpenPage) -> None:
    cluster = new_cluster(web_processes=2).start()
    page = open_page(cluster, expected=("ERR_",))
    for pid in cluster.pids("web"):
        os.kill(pid, signal.SIGKILL)
        cluster.wait_complete()
        until(page, "document.getElementById('health').textContent === 'Healthy'")
    page.set_input_files("#files", SAMPLE)
    done(page, "sample.jpg")
    assert children_of(cluster.pids("worker")[0])


def test_hundreds_of_jobs_are_few_elements(cluster: Cluster, open_page: OpenPage) -> None:
    page = open_page(cluster, "/?view=jobs")
    with cluster.client() as client:
        for _ in range(4):
            files = [("image", (f"{number}.png", TINY.read_bytes())) for number in range(100)]
            assert client.post("/upload", data={"preset": "avatar"}, files=files).status_code == 202
    until(page, "document.getElementById('n-queued').textContent === '0'", seconds=60)
    until(page, "document.querySelectorAll('#jobs .row').length > 5")
    for _ in range(20):
        page.locator("#jobs-frame").evaluate("frame => frame.scrollBy(0, 2000)")
        page.wait_for_timeout(50)
    until(page, "document.getElementById('jobs-count').textContent === '400 jobs'")
    assert page.evaluate("document.querySelectorAll('*').length") < 600
