"""What the page shows of uploads, jobs and the cluster, and what one can do there, each in a real Chromium."""

import json
import os
import re
import shlex
import signal
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

import pytest

from tests.browser.test_page import SAMPLE, TINY, TRUNCATED, OpenPage, done, jobs_view, until, upload_view
from tests.support.clusters.cluster import Cluster, wait_until
from tests.support.clusters.known_failures import small_image
from tests.support.patience import stretched

pytestmark = pytest.mark.cluster
PASTE = """bytes => {
  const data = new DataTransfer();
  data.items.add(new File([new Uint8Array(bytes)], "pasted.png", { type: "image/png" }));
  document.dispatchEvent(new ClipboardEvent("paste", { clipboardData: data, bubbles: true }));
}"""
UPLINK = {"offline": False, "latency": 0, "downloadThroughput": -1, "uploadThroughput": 8_000_000}
PROGRESS = """() => {
  window.seen = [];
  new MutationObserver(() => {
    const bar = document.querySelector("#uploads progress:not([hidden])");
    if (bar) window.seen.push(bar.value);
  }).observe(document.getElementById("uploads"), { subtree: true, attributes: true, attributeFilter: ["value"] });
}"""


@contextmanager
def held(cluster: Cluster) -> Iterator[None]:
    """Decoders stand still meanwhile: jobs wait behind what they have."""
    decoders = [decoder for keeper in cluster.pids("worker") for decoder in cluster.decoders(keeper)]
    assert decoders
    for decoder in decoders:
        os.kill(decoder, signal.SIGSTOP)
    try:
        yield
    finally:
        for decoder in decoders:
            with suppress(ProcessLookupError):
                os.kill(decoder, signal.SIGCONT)


def named(folder: Path, *names: str) -> list[Path]:
    """Small pictures of these names, no two alike."""
    for name in names:
        (folder / name).write_bytes(small_image())
    return [folder / name for name in names]


def test_an_upload_tells_its_progress_its_place_and_its_sizes(
    new_cluster: Callable[..., Cluster], open_page: OpenPage, tmp_path: Path
) -> None:
    cluster = new_cluster(capacity=1).start()
    page = open_page(cluster)
    page.set_input_files("#files", SAMPLE)
    card = done(page, "sample.jpg")
    assert re.search(r"320.\d+ jpeg\n[\d.]+ kB, \d+ % of the original", card.locator(".size").last.inner_text())
    page.evaluate(PROGRESS)
    page.context.new_cdp_session(page).send("Network.emulateNetworkConditions", UPLINK)
    large = tmp_path / "large.jpg"
    large.write_bytes(SAMPLE.read_bytes() + bytes(4_000_000))
    with held(cluster):
        page.set_input_files("#files", [large, *named(tmp_path, *(f"{number}.png" for number in range(4)))])
        page.locator("#uploads .card", has_text="large.jpg").locator(".state.running, .state.queued").wait_for()
        seen = page.evaluate("window.seen")
        assert any(0 < value < 1 for value in seen), seen
        page.locator("#uploads .quiet", has_text=re.compile(r"^about 3rd, about \d")).first.wait_for()
        jobs_view(page)
        queued = page.locator("#jobs .row", has_text=re.compile("queued"))
        queued.nth(2).wait_for()  # so the first of them, the newest, is not next
        queued.first.locator("a").click()
        page.locator("#job-body p", has_text=re.compile(r"queued about \d(st|nd|rd|th), about \d")).wait_for()
    page.keyboard.press("Escape")
    until(page, "!document.getElementById('job').open")
    upload_view(page)
    card = done(page, "3.png")
    assert "about" not in card.inner_text()
    assert page.locator("#uploads progress").evaluate_all("all => all.every(bar => bar.hidden)")


def test_an_upload_is_cancelled_before_and_after_it_is_a_job(
    cluster: Cluster, open_page: OpenPage, tmp_path: Path
) -> None:
    page = open_page(cluster, expected=("ERR_",))
    [file] = named(tmp_path, "unsent.png")
    with held(cluster):
        page.set_input_files("#files", SAMPLE)
        card = page.locator("#uploads .card", has_text="sample.jpg")
        card.locator(".state.running").wait_for()
        card.get_by_role("button", name="Cancel").click()
        card.locator(".state.cancelled").wait_for()
        page.route("**/upload", lambda _route: None)  # never answered
        page.set_input_files("#files", file)
        unsent = page.locator("#uploads .card", has_text="unsent.png")
        unsent.locator(".state", has_text="uploading").wait_for()
        unsent.get_by_role("button", name="Cancel").click()
        unsent.locator(".state.cancelled").wait_for()
        page.unroute("**/upload")
    unsent.get_by_role("button", name="Retry").click()
    done(page, "unsent.png")
    assert len(cluster.get("/jobs")["jobs"]) == 2


def test_pasted_pictures_are_uploaded(cluster: Cluster, open_page: OpenPage) -> None:
    page = open_page(cluster)
    page.evaluate(PASTE, list(TINY.read_bytes()))
    done(page, "pasted.png")


def test_the_glance_says_what_is_wrong(cluster: Cluster, open_page: OpenPage) -> None:
    cluster.ask(do="scale", workers=0)
    wait_until(lambda: cluster.get("/stats")["workers"] == [], 10, "no worker to be left")
    page = open_page(cluster, "/?view=jobs")
    page.locator("#wanted", has_text="No worker.").wait_for()
    page.locator("#health", has_text="No worker takes jobs").wait_for()
    page.set_input_files("#files", SAMPLE)
    page.locator("#health.trouble", has_text="Jobs wait, but no worker takes them").wait_for()
    until(page, "document.getElementById('n-queued').textContent === '1'")
    [broker] = cluster.pids("broker")
    os.kill(broker, signal.SIGSTOP)
    page.locator("#health.trouble", has_text="The broker is silent").wait_for()
    os.kill(broker, signal.SIGCONT)
    page.locator("#health.trouble", has_text="no worker").wait_for()
    upload_view(page)
    page.locator("#uploads .card", has_text="No worker takes jobs now: it waits for one").wait_for()
    cluster.ask(do="scale", workers=1)
    done(page, "sample.jpg")
    page.locator("#health.healthy").wait_for()
    until(page, "document.getElementById('n-done').textContent === '1'")
    until(page, "document.getElementById('line-rate').getAttribute('points').split(' ').length > 3")


def test_workers_come_work_and_leave_in_sight(cluster: Cluster, open_page: OpenPage) -> None:
    page = open_page(cluster, "/?view=jobs")
    page.locator("#workers tr").wait_for()
    [keeper] = cluster.pids("worker")
    decoders = cluster.decoders(keeper)
    for decoder in decoders:  # its job lasts until we let it
        os.kill(decoder, signal.SIGSTOP)
    cluster.upload(SAMPLE.read_bytes(), "slow.jpg")
    ours = page.locator("#workers tr", has_text=f"-{keeper}")
    ours.locator("td", has_text=re.compile(r"^slow.jpg \d")).wait_for()
    cluster.start_role("worker")
    until(page, "document.querySelectorAll('#workers tr').length === 2")
    ours.get_by_role("button", name="Drain").click()
    page.locator("#said", has_text="finishes its jobs and leaves").wait_for()
    ours.locator("td", has_text="draining").wait_for()
    for decoder in decoders:
        os.kill(decoder, signal.SIGCONT)
    ours.locator("td", has_text="gone").wait_for()
    until(page, f"!document.getElementById('workers').textContent.includes('-{keeper}')")
    until(page, "document.querySelectorAll('#workers tr').length === 2")  # a new one took its place
    assert cluster.get("/stats")["jobs"]["done"] == 1


def test_a_job_tells_its_attempts(cluster: Cluster, open_page: OpenPage) -> None:
    page = open_page(cluster)
    [keeper] = cluster.pids("worker")
    for decoder in cluster.decoders(keeper):  # its job lasts until we kill the worker
        os.kill(decoder, signal.SIGSTOP)
    job = cluster.upload(SAMPLE.read_bytes(), "slow.jpg")["id"]
    wait_until(
        lambda: any(entry["event"] == "started" for entry in cluster.get(f"/jobs/{job}")["timeline"]), 10, "a start"
    )
    page.goto(f"{cluster.url}/?job={job}")
    page.locator("#job .state.running").wait_for(timeout=1000 * stretched(10))
    os.kill(keeper, signal.SIGKILL)
    page.locator("#job .state.done").wait_for(timeout=1000 * stretched(10))
    rows = page.get_by_role("region", name="Attempts").locator("tbody tr")
    first, second = (rows.nth(index).locator("td").all_inner_texts() for index in (0, 1))
    assert (first[0], first[3]) == ("1", "lost: its process died")
    assert first[1].endswith(f"-{keeper}")
    assert re.fullmatch(r"[\d.]+ m?s", first[2])
    assert (second[0], second[3]) == ("2", "done")
    shown = page.get_by_role("region", name="Timeline").locator("tbody tr").all_inner_texts()
    assert [line.split("\t")[1] for line in shown][:4] == ["accepted", "assigned", "started", "lost"]
    assert all(line.startswith("+") for line in shown[1:])
    assert page.locator("#job figcaption").all_inner_texts()[0].startswith("original ")


def test_a_job_is_copied_as_curl(cluster: Cluster, open_page: OpenPage) -> None:
    page = open_page(cluster, permissions=["clipboard-read", "clipboard-write"])
    page.set_input_files("#files", TRUNCATED)
    page.locator("#uploads .state.failed").wait_for()
    page.locator("#uploads .card a").click()
    assert page.locator("#job-body > *").nth(1).inner_text().startswith("undecodable ")
    page.get_by_role("button", name="Copy as curl").click()
    page.locator("#said", has_text="Copied: the command.").wait_for()
    copied = page.evaluate("navigator.clipboard.readText()")
    curl, _, image, _, recipe, address = shlex.split(copied)
    assert (curl, image, address) == ("curl", "image=@truncated.jpg", f"{cluster.url}/upload")
    [job] = cluster.get("/jobs")["jobs"]
    assert json.loads(recipe.removeprefix("recipe=")) == cluster.get(f"/jobs/{job['id']}")["recipe"]


def test_failed_jobs_by_code_are_requeued_and_purged_one_some_or_all(
    cluster: Cluster, open_page: OpenPage, tmp_path: Path
) -> None:
    for number in range(5):
        cluster.ended(cluster.upload(TRUNCATED.read_bytes() + bytes(number), f"{number}.jpg")["id"])
    page = open_page(cluster, "/?state=failed")
    page.locator("#codes .chip", has_text="undecodable 5").click()
    page.wait_for_url("**/?state=failed&code=undecodable")
    for row in (0, 1):
        page.locator("#jobs .row input").nth(row).check()
    page.locator("#selected-count", has_text="2 selected").wait_for()
    page.get_by_role("button", name="Requeue selected").click()
    page.locator("#said", has_text="2 of 2 jobs requeued.").wait_for()
    page.keyboard.press("j")
    page.keyboard.press("r")
    page.locator("#confirm-question", has_text="Requeue ").wait_for()
    page.locator("#confirm-action").click()
    page.locator("#said", has_text=re.compile(r"^Requeued \d\.jpg\.")).wait_for()
    page.locator("#requeue-matching").click()
    page.locator("#confirm-question", has_text="Requeue ").wait_for()
    page.locator("#confirm-action").click()
    page.locator("#said", has_text="jobs requeued.").wait_for()
    wait_until(lambda: cluster.get("/stats")["jobs"]["failed"] == 5, 10, "all to have failed again")
    page.locator("#jobs .row input").nth(4).wait_for()
    for row in (0, 1):
        page.locator("#jobs .row input").nth(row).check()
    page.get_by_role("button", name="Purge selected").click()
    assert page.locator("#confirm-question").inner_text() == "Remove 2 jobs and all their files for good?"
    page.get_by_role("button", name="Keep").click()
    assert len(cluster.get("/jobs")["jobs"]) == 5
    page.get_by_role("button", name="Purge selected").click()
    page.locator("#confirm-action").click()
    page.locator("#said", has_text="2 of 2 jobs purged.").wait_for()
    page.locator("#purge-matching").click()
    page.locator("#confirm-question", has_text="Remove 3 jobs").wait_for()
    page.locator("#confirm-action").click()
    page.locator("#jobs-count", has_text="No job matches.").wait_for()
    assert cluster.get("/jobs")["jobs"] == []


def test_filters_live_in_the_page_s_address(cluster: Cluster, open_page: OpenPage) -> None:
    cluster.ended(cluster.upload(SAMPLE.read_bytes(), "one.jpg", reference="order 7")["id"])
    cluster.ended(cluster.upload(TRUNCATED.read_bytes(), "two.jpg")["id"])
    page = open_page(cluster, "/?view=jobs")
    until(page, "document.querySelectorAll('#jobs .row').length === 2")
    page.keyboard.press("/")
    page.keyboard.type("order 7")
    page.keyboard.press("Enter")
    page.wait_for_url("**/?reference=order+7")
    until(page, "document.querySelectorAll('#jobs .row').length === 1")
    page.reload()
    page.locator("#jobs .row a", has_text="one.jpg").wait_for()
    assert page.locator("#f-reference").input_value() == "order 7"
    page.locator("#n-failed").click()
    page.wait_for_url("**/?state=failed")
    page.locator("#jobs .row a", has_text="two.jpg").wait_for()
    page.go_back()
    page.locator("#jobs .row a", has_text="one.jpg").wait_for()
    page.locator("#jobs .row a").click()
    page.wait_for_url("**/?reference=order+7&job=*")
    page.reload()
    page.locator("#job .state.done").wait_for()


def test_below_a_path_prefix(new_cluster: Callable[..., Cluster], open_page: OpenPage) -> None:
    cluster = new_cluster(root_path="/pix").start()
    page = open_page(cluster, "/pix/")
    asked: list[str] = []
    page.on("request", lambda request: asked.append(request.url))
    page.set_input_files("#files", SAMPLE)
    card = done(page, "sample.jpg")
    until(page, "[...document.querySelectorAll('#uploads img')].every(each => each.naturalWidth)")
    card.locator(".name a").click()
    page.wait_for_url("**/pix/?job=*")
    until(page, "[...document.querySelectorAll('#job img')].every(each => each.naturalWidth)")
    page.reload()
    page.locator("#job .state.done").wait_for()
    assert {url.removeprefix(cluster.url)[:5] for url in asked} == {"/pix/"}


def test_nothing_is_cut_off_on_any_width(cluster: Cluster, open_page: OpenPage) -> None:
    page = open_page(cluster)
    page.set_input_files("#files", [SAMPLE, TRUNCATED])
    done(page, "sample.jpg")
    page.locator("#uploads .state.failed").wait_for()
    jobs_view(page)
    page.locator("#jobs .row input").first.check()
    for width in (320, 390, 768, 1200, 2000):
        page.set_viewport_size({"width": width, "height": 800})
        for view in (upload_view, jobs_view):
            view(page)
            assert page.evaluate("document.documentElement.scrollWidth") <= width, (width, view)
        page.locator("#jobs .row a").first.click()
        page.locator("#job .pictures img").first.wait_for()
        assert page.evaluate("document.getElementById('job').scrollWidth <= document.getElementById('job').clientWidth")
        page.keyboard.press("Escape")
        until(page, "!document.getElementById('job').open")


def test_a_job_shows_how_far_its_batch_is(cluster: Cluster, open_page: OpenPage) -> None:
    with cluster.client() as client:
        batch = client.post("/batches").json()["id"]
    job = cluster.upload(small_image(), "one.png", batch=batch)["id"]
    cluster.ended(job)
    page = open_page(cluster, f"/?job={job}")
    line = page.locator("#job-body p.batch")
    line.wait_for()
    assert "1 of 1 job ended · open: more may join (1 done)" in line.inner_text()
    assert line.locator("progress").evaluate("bar => [bar.value, bar.max]") == [1, 1]


def test_an_operator_sees_the_lines_of_a_job_in_the_log(
    new_cluster: Callable[..., Cluster], open_page: OpenPage, tmp_path: Path
) -> None:
    cluster = new_cluster(log_path=str(tmp_path / "log.jsonl")).start()
    page = open_page(cluster)
    job = cluster.ended(cluster.upload(SAMPLE.read_bytes(), "seen.jpg")["id"])["id"]
    page.goto(f"{cluster.url}/?job={job}")
    page.locator("#job details.lines summary").click()
    shown = page.locator("#job details.lines pre")
    shown.wait_for()
    lines = shown.inner_text().splitlines()
    assert {line.split()[2] for line in lines} >= {"uploaded", "assigned", "finished", "ended"}
    assert page.locator("#job details.lines").inner_text().count("older") == 0
