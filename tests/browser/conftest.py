"""A Chromium for these tests, and pages that must neither complain nor ask another host."""

import os
import shutil
from collections.abc import Callable, Iterator
from contextlib import ExitStack
from pathlib import Path
from typing import Any

import pytest

from jobs.access.keys import Scope, entry_of
from tests.support.clusters.cluster import Cluster
from tests.support.harnesses.shared import Shared
from tests.support.house.needs import lacking
from tests.support.house.npm import npm
from tests.support.patience import stretched

os.environ["PLAYWRIGHT_SKIP_BROWSER_DOWNLOAD"] = "1"
sync_api = pytest.importorskip("playwright.sync_api", reason="playwright is not installed")

AXE = "axe-core@4.14.1"
FOLDER = Path(__file__).parent
RERUNS = 1
"""Chromium and the driver beside it lose an event now and then on a loaded machine. A test that passes only then is
named in the report as rerun: look at it."""
KEYS = (
    ("acme", Scope.READ, "r"),
    ("acme", Scope.WRITE, "w"),
    ("bolt", Scope.WRITE, "b"),
    ("house", Scope.OPERATE, "o"),
)
"""The keys of `keyed`: tenant, scope, key."""


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Let a test of the page that fails run once more. All others must pass at once."""
    for item in items:
        if item.path.is_relative_to(FOLDER):
            item.add_marker(pytest.mark.flaky(reruns=RERUNS))


@pytest.fixture(scope="package")
def browser() -> Iterator[Any]:
    """Not for the whole session: while Playwright is open its event loop runs in this thread, and asyncio refuses
    another one to all tests that follow."""
    chromium = shutil.which("chromium") or shutil.which("google-chrome")
    if not chromium:
        lacking("no chromium on this machine")
    with sync_api.sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=chromium)
        yield browser
        browser.close()


@pytest.fixture(scope="session")
def axe(tmp_path_factory: pytest.TempPathFactory) -> str:
    """The text of axe-core, by npm."""
    folder = tmp_path_factory.mktemp("axe")
    npm("install", "--no-save", "--ignore-scripts", "--prefix", str(folder), AXE)
    return (folder / "node_modules" / "axe-core" / "axe.min.js").read_text()


@pytest.fixture(scope="package")
def shared_keyed(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Shared]:
    """The cluster of all tests that want KEYS."""
    entries = ",".join(entry_of(*each) for each in KEYS)
    shared = Shared(tmp_path_factory.mktemp("keyed"), key="o", api_keys=entries)
    yield shared
    shared.close()


@pytest.fixture
def keyed(shared_keyed: Shared) -> Cluster:
    """A running cluster that asks for a key. It has no job."""
    return shared_keyed.fresh()


@pytest.fixture
def open_page(browser: Any) -> Iterator[Callable[..., Any]]:
    """Opens a cluster's page. At the end: no error on its console, no request to another host."""
    problems: list[str] = []
    with ExitStack() as stack:

        def make(cluster: Cluster, path: str = "/", *, expected: tuple[str, ...] = (), **options: Any) -> Any:
            context = browser.new_context(**options)
            stack.callback(context.close)
            page = context.new_page()
            page.set_default_timeout(1000 * stretched(10))

            def received(message: Any) -> None:
                if message.type == "error" and not any(text in message.text for text in expected):
                    problems.append(message.text)

            page.on("console", received)
            page.on("pageerror", lambda error: problems.append(str(error)))
            page.on(
                "request",
                lambda asked: (
                    None if asked.url.startswith((cluster.url, "data:", "blob:")) else problems.append(asked.url)
                ),
            )
            page.goto(cluster.url + path)
            page.locator("#health.healthy, #health.trouble").first.wait_for()
            return page

        yield make
    assert problems == []
