"""The suite as a whole: its order, the bound of each test, and what it says before and after.

A plugin of pytest, which tests/conftest.py registers. Owns the order of the folders and their seconds. Knows no test.
"""

import os
from collections import Counter, defaultdict
from collections.abc import Mapping
from pathlib import PurePath

import pytest

from tests.support.house.needs import missing
from tests.support.patience import GIVES_WAY, LOADED, stretched

ORDER = (
    "tests",
    "unit",
    "properties",
    "simulation",
    "contracts",
    "hostile",
    "deploy",
    "integration",
    "hosts",
    "cluster",
)
"""The folders from fast to slow; `tests` is the files that are in no folder, and others come last."""
TEST_SECONDS = 180.0
"""The bound of one test with its fixtures, on an idle machine."""
FULL_TIMES = 20
"""What `--full` multiplies it by."""
SUITE_MINUTES = 20
"""What the whole suite may take on 2 idle cores: the bound for new tests, not a measure."""
TOLD_SECONDS = 60.0
"""A run of less tells no seconds by folder."""


def folder_of(node: str) -> str:
    """`unit` of tests/unit/jobs/test_ids.py::test_x, `tests` of a file in no folder."""
    parts = PurePath(node.partition("::")[0]).parts
    return parts[1] if len(parts) > 2 else "tests"


def rank(node: str) -> int:
    """The place of a test's folder in the order."""
    folder = folder_of(node)
    return ORDER.index(folder) if folder in ORDER else len(ORDER)


class Suite:
    """One run. `full`: with the counts that are promised."""

    def __init__(self, full: bool) -> None:
        self._full = full
        self._seconds: defaultdict[str, float] = defaultdict(float)
        self._tests: Counter[str] = Counter()

    @pytest.hookimpl(tryfirst=True)
    def pytest_configure(self, config: pytest.Config) -> None:
        """Give each test its bound, unless --timeout or PYTEST_TIMEOUT says another one. On a machine under load, no
        decoder gives way to the load."""
        if not hasattr(config, "workerinput") and stretched(1.0) > LOADED:
            os.environ.setdefault(GIVES_WAY, "0")
        if config.getoption("timeout", None) is None:
            config.option.timeout = stretched(TEST_SECONDS) * (FULL_TIMES if self._full else 1)

    def pytest_report_header(self, config: pytest.Config) -> list[str]:
        """How long it takes here, and what is not tested for want of what."""
        slow = stretched(1.0)
        said = [
            f"this machine is now {slow:.1f} times as slow as 2 idle cores, on which all tests take at most "
            f"{SUITE_MINUTES} minutes; each test ends after {config.option.timeout:.0f} s at most"
        ]
        return said + [f"not tested: {need.tested}, for want of {need.name} ({need.get})" for need in missing()]

    def pytest_collection_modifyitems(self, items: list[pytest.Item]) -> None:
        """Fast folders first."""
        items.sort(key=lambda item: rank(item.nodeid))

    def pytest_runtest_logreport(self, report: pytest.TestReport) -> None:
        """Add the seconds of a test's part to its folder."""
        folder = folder_of(report.nodeid)
        self._seconds[folder] += report.duration
        self._tests[folder] += report.when == "call"

    def pytest_terminal_summary(self, terminalreporter: pytest.TerminalReporter) -> None:
        """The seconds of each folder."""
        if sum(self._seconds.values()) > TOLD_SECONDS:
            terminalreporter.section("seconds by folder")
            for line in lines(self._seconds, self._tests):
                terminalreporter.write_line(line)


def lines(seconds: Mapping[str, float], tests: Mapping[str, int]) -> list[str]:
    """A line for each folder, in the order of the suite, and one for all."""
    rows = [(folder, tests[folder], spent) for folder, spent in seconds.items()]
    rows.append(("all", sum(tests.values()), sum(seconds.values())))
    return [f"{folder:<12} {count:>6} tests {spent:>8.1f} s" for folder, count, spent in rows]
