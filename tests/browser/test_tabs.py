"""Many tabs of one browser: they share one stream, so that HTTP/1.1's six connections are left for everything else."""

from collections.abc import Callable, Iterator
from contextlib import ExitStack
from typing import Any

import httpx2
import pytest

from tests.browser.test_keys import log_in
from tests.browser.test_page import SAMPLE, until
from tests.support.clusters.cluster import Cluster

pytestmark = pytest.mark.cluster
TABS = 8
OTHERS = "Object.defineProperty(globalThis, 'SharedWorker', {value: undefined})"
FOLLOWED = """whom => {
  window.heard = [];
  const { port } = new SharedWorker("/shared.js", { type: "module" });
  port.onmessage = ({ data: { name } }) => window.heard.push(name);
  port.postMessage({ does: "follow", whom });
}"""
DEAF = """globalThis.SharedWorker = class {
  port = { postMessage() {}, close() {}, onmessage: null };
}"""


@pytest.fixture
def tabs(browser: Any) -> Iterator[Callable[..., list[Any]]]:
    """Opens pages of one browser, which have one pool of connections."""
    with ExitStack() as stack:

        def make(cluster: Cluster, many: int, script: str = "") -> list[Any]:
            context = browser.new_context()
            stack.callback(context.close)
            if script:
                context.add_init_script(script)
            pages = []
            for _ in range(many):
                pages.append(context.new_page())
                pages[-1].set_default_timeout(15_000)
                pages[-1].goto(f"{cluster.url}/?view=jobs")
            return pages

        yield make


def test_eight_tabs_are_all_live(cluster: Cluster, tabs: Callable[..., list[Any]]) -> None:
    pages = tabs(cluster, TABS)
    for page in pages:
        page.locator("#health.healthy").wait_for()
    pages[-1].set_input_files("#files", SAMPLE)
    for page in pages:
        page.locator("#jobs .row .state.done").wait_for()
        assert page.evaluate("fetch('health/live').then(answer => answer.status)") == 200
    for page in pages[:-1]:  # also those that opened the stream
        page.close()
    cluster.ended(cluster.upload(SAMPLE.read_bytes(), "later.jpg")["id"])
    pages[-1].locator("#jobs .row", has_text="later.jpg").locator(".state.done").wait_for()


def test_a_tab_that_is_loaded_anew_shows_what_came_meanwhile(cluster: Cluster, tabs: Callable[..., list[Any]]) -> None:
    first, second = tabs(cluster, 2)
    second.locator("#health.healthy").wait_for()
    second.goto("about:blank")
    cluster.ended(cluster.upload(SAMPLE.read_bytes(), "later.jpg")["id"])
    first.locator("#jobs .row", has_text="later.jpg").wait_for()
    second.go_back()
    second.locator("#jobs .row", has_text="later.jpg").locator(".state.done").wait_for()
    second.locator("#health.healthy").wait_for()


@pytest.mark.parametrize("script", [OTHERS, DEAF], ids=["none", "deaf"])
def test_without_a_shared_worker_a_page_has_its_own_stream(
    cluster: Cluster, tabs: Callable[..., list[Any]], script: str
) -> None:
    (page,) = tabs(cluster, 1, script)
    page.locator("#health.healthy").wait_for()
    cluster.ended(cluster.upload(SAMPLE.read_bytes(), "seen.jpg")["id"])
    page.locator("#jobs .row", has_text="seen.jpg").locator(".state.done").wait_for()


def test_a_shared_stream_tells_nobody_what_is_another_s(keyed: Cluster, tabs: Callable[..., list[Any]]) -> None:
    """Who logs in after another in the same browser hears of his own jobs, also while a tab of the other's is left: the
    stream that it had lives for a minute."""
    page, left = tabs(keyed, 2)
    log_in(page, "w")
    page.locator("#health.healthy").wait_for()
    left.goto(f"{keyed.url}/health/live")
    left.evaluate(FOLLOWED, '["acme","write"]')
    until(left, "window.heard.includes('beat')")
    page.get_by_role("button", name="Log out").click()
    log_in(page, "b")
    page.locator("#who", has_text="bolt").wait_for()
    for _ in range(2):
        upload(keyed, "w")
    page.set_input_files("#files", SAMPLE)
    until(page, "document.getElementById('n-done').textContent === '1'")
    left.evaluate("window.heard.length = 0")
    page.wait_for_timeout(1500)
    assert left.evaluate("window.heard") == []


def upload(cluster: Cluster, key: str) -> None:
    headers = {"Authorization": f"Bearer {key}", "Prefer": "wait=10"}
    with SAMPLE.open("rb") as image:
        assert httpx2.post(f"{cluster.url}/upload", files={"image": image}, headers=headers).status_code == 200
