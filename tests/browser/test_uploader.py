"""The uploader of the page: what was not confirmed goes on by itself, folders, presets, what is said before it is hit,
and what people hear who do not see the cards."""

import re
import shutil
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from tests.browser.test_page import SAMPLE, TRUNCATED, OpenPage, done, until
from tests.browser.test_views import named
from tests.support.browser.heard import from_upload_to_purge, live, tree_of
from tests.support.clusters.cluster import Cluster

pytestmark = pytest.mark.cluster
HEARD = """() => {
  window.heard = [];
  new MutationObserver(changes => {
    for (const { target, addedNodes } of changes)
      if (target.closest("[role=log], [role=status], [role=alert]"))
        window.heard.push(...[...addedNodes].map(node => node.textContent).filter(Boolean));
  }).observe(document.querySelector("main"), { subtree: true, childList: true });
}"""


def test_what_was_not_confirmed_is_sent_again_by_itself_and_once(cluster: Cluster, open_page: OpenPage) -> None:
    page = open_page(cluster, expected=("503", "ERR_"))
    keys: list[str] = []

    def lost(route: Any) -> None:
        keys.append(route.request.headers["idempotency-key"])
        if len(keys) == 1:
            route.abort()
        elif len(keys) == 2:  # accepted, but the answer says that nobody knows
            route.fetch()
            route.fulfill(status=503, json={"detail": "the broker has not answered for 10 s", "code": "broker_silent"})
        else:
            route.continue_()

    page.route("**/upload", lost)
    page.set_input_files("#files", SAMPLE)
    card = page.locator("#uploads .card")
    card.locator(".state", has_text="not confirmed").wait_for()
    assert "No connection: trying again in 1 s" in card.inner_text()
    card.locator(".quiet", has_text="the broker has not answered for 10 s: trying again in 2 s").wait_for()
    done(page, "sample.jpg")
    assert len(keys) == 3 and len(set(keys)) == 1
    assert len(cluster.get("/jobs")["jobs"]) == 1
    assert "refused" not in page.locator("#heard").text_content()
    assert card.count() == 1


def test_what_would_be_refused_again_has_no_retry(
    new_cluster: Callable[..., Cluster], open_page: OpenPage, tmp_path: Path
) -> None:
    cluster = new_cluster(upload_bytes_max=100_000).start()
    page = open_page(cluster, expected=("415",))
    assert "HEIC" in page.locator("#limits").inner_text() and "at most 100 kB" in page.locator("#limits").inner_text()
    (tmp_path / "notes.txt").write_text("no image")
    asked: list[str] = []
    page.on("request", lambda request: asked.append(request.url) if request.method == "POST" else None)
    page.set_input_files("#files", SAMPLE)
    large = page.locator("#uploads .card", has_text="At most 100 kB are taken.")
    large.locator(".state", has_text="refused").wait_for()
    assert asked == []  # said before it is sent
    page.set_input_files("#files", tmp_path / "notes.txt")
    text = page.locator("#uploads .card", has_text="notes.txt")
    text.locator(".state", has_text="refused").wait_for()
    assert page.locator("#uploads .card button").count() == 0
    page.get_by_role("button", name="Clear finished").click()
    until(page, "!document.querySelector('#uploads .card')")


def test_a_chosen_folder_is_uploaded(cluster: Cluster, open_page: OpenPage, tmp_path: Path) -> None:
    page = open_page(cluster)
    folder = tmp_path / "holiday"
    (folder / "deep").mkdir(parents=True)
    shutil.copy(SAMPLE, folder / "deep" / "beach.jpg")
    (folder / "notes.txt").write_text("no image")
    with page.expect_file_chooser() as chooser:
        page.get_by_role("button", name="Choose a folder").click()
    chooser.value.set_files(folder)
    done(page, "beach.jpg")
    page.locator("#said", has_text="1 image of the folder, 1 other file left out.").wait_for()


def test_a_preset_is_chosen_and_its_results_are_taken(cluster: Cluster, open_page: OpenPage) -> None:
    page = open_page(cluster, permissions=["clipboard-read", "clipboard-write"])
    page.locator("#preset-makes", has_text=re.compile("thumb 320.320 jpeg")).wait_for()
    page.get_by_label("Preset").select_option("avatar")
    page.set_input_files("#files", SAMPLE)
    card = done(page, "sample.jpg")
    [job] = cluster.get("/jobs")["jobs"]
    assert job["preset"] == "avatar"
    first = job["renditions"][0]
    with page.expect_download() as downloaded:
        card.get_by_role("link", name=f"Download {first['name']} of sample.jpg").click()
    assert downloaded.value.suggested_filename == f"sample.{first['name']}.jpg"
    assert downloaded.value.path().stat().st_size == first["bytes"]
    card.get_by_role("button", name=f"Copy address of {first['name']}").click()
    page.locator("#said", has_text=f"Copied: {first['name']} of sample.jpg.").wait_for()
    assert page.evaluate("navigator.clipboard.readText()") == first["url"]
    with page.context.expect_page() as opened:
        card.get_by_role("link", name=f"Open {first['name']}").click()
    assert opened.value.url == first["url"]
    opened.value.close()
    page.reload()
    until(page, "document.getElementById('preset').value === 'avatar'")


def test_thirty_uploads_with_two_failures_are_heard(cluster: Cluster, open_page: OpenPage, tmp_path: Path) -> None:
    page = open_page(cluster)
    page.evaluate(HEARD)
    bad = [tmp_path / "bad-1.jpg", tmp_path / "bad-2.jpg"]
    for number, path in enumerate(bad):
        path.write_bytes(TRUNCATED.read_bytes() + bytes(number))
    page.set_input_files("#files", named(tmp_path, *(f"{number}.png" for number in range(28))) + bad)
    page.locator("#summary", has_text="28 of 30 done, 2 failed").wait_for(timeout=60_000)
    until(page, "window.heard.at(-1) === '28 of 30 done, 2 failed.'")
    heard = page.evaluate("window.heard")
    assert heard[0] == "Uploading 30 files."
    failures = sorted(line for line in heard if "failed:" in line)
    assert [line.partition(":")[0] for line in failures] == ["bad-1.jpg failed", "bad-2.jpg failed"]
    assert all("truncated" in line for line in failures)
    counts = [line for line in heard if re.fullmatch(r"\d+ of 30 done(, \d failed)?\.", line)]
    assert len(heard) == 1 + 2 + len(counts)  # and nothing else was said
    assert counts == sorted(counts, key=lambda line: int(line.split()[0]))
    assert live(tree_of(page)) == heard
    assert page.title() == "Upload · pixmill"


def test_the_keyboard_alone_uploads_and_purges(cluster: Cluster, open_page: OpenPage) -> None:
    page = open_page(cluster)
    steps = from_upload_to_purge(page, lambda chooser: chooser.set_files(SAMPLE), "sample.jpg")
    assert cluster.get("/jobs")["jobs"] == []
    until(page, "!document.querySelector('#uploads .card')")
    assert steps[1].focus == steps[-1].focus == "heading “Upload”"  # after the skip, and after the purge


def test_letters_do_nothing_once_they_are_switched_off(cluster: Cluster, open_page: OpenPage) -> None:
    page = open_page(cluster)
    page.keyboard.press("?")
    page.get_by_label("Use keys of a single letter").uncheck()
    page.keyboard.press("Escape")
    page.keyboard.press("/")
    assert page.evaluate("document.activeElement.id") != "f-reference"
    page.reload()
    page.locator("#health.healthy").wait_for()
    page.keyboard.press("?")
    page.wait_for_timeout(200)
    assert not page.evaluate("document.getElementById('help').open")
    page.get_by_role("button", name="Help").click()
    page.get_by_label("Use keys of a single letter").check()
    page.keyboard.press("Escape")
    page.keyboard.press("/")
    assert page.evaluate("document.activeElement.id") == "f-reference"


def test_back_does_not_open_a_closed_job_again(cluster: Cluster, open_page: OpenPage) -> None:
    page = open_page(cluster)
    page.set_input_files("#files", SAMPLE)
    done(page, "sample.jpg").locator(".name a").click()
    page.locator("#job .state.done").wait_for()
    page.keyboard.press("Escape")
    until(page, "!location.search && !document.getElementById('job').open")
    page.go_forward()
    page.locator("#job .state.done").wait_for()
    page.keyboard.press("Escape")
    until(page, "!location.search && !document.getElementById('job').open")
