"""What the page costs its browser while a thousand jobs change: long tasks, the length of the document.

A real Chromium uses a cluster of its own. BACKLOG small jobs are always queued: for each ended job another one is
uploaded, without the result cache. The page shows OWN uploads of its own, too, and the list is scrolled all the time. A
long task takes more than 50 ms by the browser's PerformanceObserver. That is wall time, which includes other work of
the machine, so the median of ROUNDS is printed beside each round. The elements of the document are counted ten times a
second; more than ELEMENTS_MAX is a fault.
"""

import importlib.util
import shutil
import statistics
import sys
import tempfile
import threading
import time
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path
from typing import Any

from bench.parts.report import close, table
from tests.support.clusters.cluster import Cluster
from tests.support.clusters.known_failures import post_many, small_image

ROUNDS = 3
ROUND_SECONDS = 15.0
BACKLOG = 1000
OWN = 10
LONG_MS = 50
ELEMENTS_MAX = 1000
OBSERVE = """
window.longTasks = [];
new PerformanceObserver(list => window.longTasks.push(...list.getEntries().map(entry => entry.duration)))
  .observe({ type: "longtask" });
"""
STEP = """() => {
  const frame = document.getElementById("jobs-frame");
  frame.scrollTop = Math.random() * frame.scrollHeight;
  return document.querySelectorAll("*").length;
}"""
BUSY = "() => setTimeout(() => { const until = performance.now() + 120; while (performance.now() < until); })"
TAKE = "() => window.longTasks.splice(0)"


@contextmanager
def backlog(cluster: Cluster) -> Iterator[list[int]]:
    """Keep BACKLOG jobs queued within the context. Yields a list that gets the number of jobs at each addition."""
    over, added = threading.Event(), list[int]()

    def fill() -> None:
        while not over.wait(0.1):
            missing = BACKLOG - cluster.get("/stats")["queue"]["depth"]
            if missing >= 100:
                added.append(len(post_many(cluster, [small_image() for _ in range(missing)], preset="avatar")))

    filler = threading.Thread(target=fill)
    filler.start()
    try:
        yield added
    finally:
        over.set()
        filler.join()


def watch(page: Any) -> tuple[list[float], int]:
    """One round: the milliseconds of its long tasks, and the most elements that there were."""
    page.evaluate(TAKE)
    most, until = 0, time.monotonic() + ROUND_SECONDS
    while time.monotonic() < until:
        most = max(most, page.evaluate(STEP))
        page.wait_for_timeout(100)
    return [took for took in page.evaluate(TAKE) if took > LONG_MS], most


def rounds(page: Any) -> list[tuple[list[float], int]]:
    """Run all rounds, after a check that the observer sees a long task."""
    found = [watch(page) for _ in range(ROUNDS)]
    page.evaluate(TAKE)
    page.evaluate(BUSY)
    page.wait_for_timeout(500)
    assert max(page.evaluate(TAKE), default=0) >= 100, "a task of 120 ms was not seen: the observer is blind"
    return found


def main() -> None:
    """Measure, print; without a browser, say so."""
    chromium = shutil.which("chromium") or shutil.which("google-chrome")
    if not chromium or not importlib.util.find_spec("playwright"):
        return print("bench.page is skipped: it needs Chromium (apt-get install chromium) and make test's packages")
    from playwright.sync_api import sync_playwright

    with tempfile.TemporaryDirectory(prefix="pixmill-bench-") as name, ExitStack() as stack:
        folder = Path(name)
        cluster = Cluster(folder, workers=1, cache_url="none", log_level="warning")
        stack.callback(cluster.stop)
        cluster.start()
        browser = stack.enter_context(sync_playwright()).chromium.launch(executable_path=chromium)
        page = browser.new_page(viewport={"width": 1280, "height": 900})
        page.add_init_script(OBSERVE)
        page.goto(f"{cluster.url}/?view=jobs")
        page.locator("#health.healthy").wait_for()
        files = [folder / f"own-{number}.png" for number in range(OWN)]
        for file in files:
            file.write_bytes(small_image())
        page.set_input_files("input[type=file]", files)
        added = stack.enter_context(backlog(cluster))
        while sum(added) < BACKLOG:
            page.wait_for_timeout(100)
        began, before = time.monotonic(), cluster.get("/stats")["jobs"]["done"]
        found = rounds(page)
        rate = (cluster.get("/stats")["jobs"]["done"] - before) / (time.monotonic() - began)
        browser.close()
    show(found, rate)


def show(found: list[tuple[list[float], int]], rate: float) -> None:
    """The table and the last line."""
    longest = [max(tasks, default=0.0) for tasks, _ in found]
    many, most = statistics.median(len(tasks) for tasks, _ in found), max(most for _, most in found)
    rows = [
        ("tasks over 50 ms in a round, median", many, "0"),
        ("each round", " ".join(str(len(tasks)) for tasks, _ in found), ""),
        ("the longest of these, ms, median (0: none)", statistics.median(longest), "50"),
        ("each round", " ".join(f"{took:.0f}" for took in longest), ""),
        ("elements of the document, at most", most, str(ELEMENTS_MAX)),
        ("jobs ended a second", rate, ""),
    ]
    table((f"the page, {BACKLOG:,} queued jobs, {ROUNDS} rounds of {ROUND_SECONDS:g} s", "", "bound"), rows)
    figures = {"long_tasks_over_50ms": many, "longest_ms": round(statistics.median(longest), 1), "dom_nodes": most}
    close("page", figures | {"jobs_per_second": round(rate, 1)})
    if most > ELEMENTS_MAX:
        sys.exit(f"the document grew to {most} elements: at most {ELEMENTS_MAX}")


if __name__ == "__main__":
    main()
