"""Records what assistive technology gets from the page, into docs/accessibility.md:
`python -m tests.support.browser.transcript`.

Two recordings, by Chromium's accessibility tree: the live text of 30 uploads of which two fail, and the way from an
upload to its purge by the keyboard alone.
"""

import shutil
import tempfile
import time
from collections.abc import Callable, Iterator
from contextlib import ExitStack
from pathlib import Path
from typing import Any

from playwright.sync_api import sync_playwright

from tests.support.browser.heard import Step, from_upload_to_purge, live, tree_of
from tests.support.clusters.cluster import ROOT, Cluster

PAGE = ROOT / "docs" / "accessibility.md"
SAMPLE, TRUNCATED = ROOT / "test-data" / "sample.jpg", ROOT / "test-data" / "truncated.jpg"
MANY, BAD = 30, (9, 21)
"""The files, and the numbers of those that fail."""
LOOK_MS = 100
SECONDS_MAX = 120


def files(folder: Path) -> list[Path]:
    """MANY photographs, no two alike. Those of BAD are cut off."""
    for number in range(1, MANY + 1):
        source = TRUNCATED if number in BAD else SAMPLE
        (folder / f"IMG_{number:04}.jpg").write_bytes(source.read_bytes() + bytes(number))
    return sorted(folder.iterdir())


def heard(page: Any, given: list[Path]) -> Iterator[str]:
    """The lines of the log as they come, until the last count, each with the seconds since the files were chosen."""
    page.set_input_files("#files", given)
    began, told = time.monotonic(), 0
    while time.monotonic() < began + SECONDS_MAX:
        lines = live(tree_of(page))
        for line in lines[told:]:
            yield f"{time.monotonic() - began:5.1f} s  {line}"
        told = len(lines)
        if lines and lines[-1] == f"{MANY - len(BAD)} of {MANY} done, {len(BAD)} failed.":
            return
        page.wait_for_timeout(LOOK_MS)
    raise AssertionError(f"not over after {SECONDS_MAX} s: {live(tree_of(page))}")


def written(steps: list[Step]) -> str:
    """A table of what was pressed."""
    rows = [f"| {step.keys} | {step.focus.replace('“', '*').replace('”', '*')} |" for step in steps]
    return "\n".join(["| keys | then the focus is on |", "|---|---|", *rows])


def with_part(page: str, name: str, made: str) -> str:
    """The page with this part of it made anew."""
    begin, end = f"<!-- {name}: made by `python -m tests.support.browser.transcript` -->\n", f"<!-- end of {name} -->\n"
    head, _, rest = page.partition(begin)
    _, found, tail = rest.partition(end)
    if not found:
        raise ValueError(f"{PAGE.name} has no part {name}")
    return f"{head}{begin}{made}\n{end}{tail}"


def main() -> None:
    """Record both."""
    chromium = shutil.which("chromium") or shutil.which("google-chrome")
    with tempfile.TemporaryDirectory() as name, ExitStack() as stack:
        (data := Path(name) / "data").mkdir()
        cluster = Cluster(data, workers=1, cache_url="none")
        stack.callback(cluster.stop)
        cluster.start()
        browser = stack.enter_context(sync_playwright()).chromium.launch(executable_path=chromium)

        def opened() -> Any:
            page = browser.new_context().new_page()
            page.goto(cluster.url)
            page.locator("#health.healthy").wait_for()
            return page

        (folder := Path(name) / "files").mkdir()
        transcript = "```\n" + "\n".join(heard(opened(), files(folder))) + "\n```"
        choose: Callable[[Any], None] = lambda chooser: chooser.set_files(SAMPLE)  # noqa: E731
        keys = written(from_upload_to_purge(opened(), choose, SAMPLE.name))
        browser.close()
    PAGE.write_text(with_part(with_part(PAGE.read_text(), "transcript", transcript), "keyboard", keys))


if __name__ == "__main__":
    main()
