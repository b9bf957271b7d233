"""A Chromium for these tests, and pages that must neither complain nor ask another host."""

import os
import shutil
import subprocess
from collections.abc import Callable, Iterator
from contextlib import ExitStack
from typing import Any

import pytest

from tests.support.clusters.cluster import Cluster

os.environ["PLAYWRIGHT_SKIP_BROWSER_DOWNLOAD"] = "1"
sync_api = pytest.importorskip("playwright.sync_api", reason="playwright is not installed")

AXE = "axe-core@4.14.1"


@pytest.fixture(scope="module")
def browser() -> Iterator[Any]:
    """Not for the whole session: while Playwright is open its event loop runs in this thread, and asyncio refuses
    another one to all tests that follow."""
    chromium = shutil.which("chromium") or shutil.which("google-chrome")
    if not chromium:
        pytest.skip("no chromium on this machine")
    with sync_api.sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=chromium)
        yield browser
        browser.close()


@pytest.fixture(scope="session")
def axe(tmp_path_factory: pytest.TempPathFactory) -> str:
    """The text of axe-core, by npm."""
    npm = shutil.which("npm")
    if not npm:
        pytest.skip("no npm on this machine")
    folder = tmp_path_factory.mktemp("axe")
    command = [npm, "install", "--silent", "--no-save", "--ignore-scripts", "--prefix", str(folder), AXE]
    subprocess.run(command, check=True, timeout=120)
    return (folder / "node_modules" / "axe-core" / "axe.min.js").read_text()


@pytest.fixture
def open_page(browser: Any) -> Iterator[Callable[..., Any]]:
    """Opens a cluster's page. At the end: no error on its console, no request to another host."""
    problems: list[str] = []
    with ExitStack() as stack:

        def make(cluster: Cluster, path: str = "/", *, expected: tuple[str, ...] = (), **options: Any) -> Any:
            context = browser.new_context(**options)
            stack.callback(context.close)
            page = context.new_page()
            page.set_default_timeout(10_000)

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
