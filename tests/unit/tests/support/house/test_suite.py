"""The suite's order and what it tells; and that a test which hangs ends, in a run of its own."""

import subprocess
import sys
from pathlib import Path

import pytest

from tests.support.house import needs, suite
from tests.support.patience import stretched

ROOT = Path(__file__).resolve().parents[5]
HANGS = """
import threading

def test_hangs():
    threading.Event().wait()

def test_goes_on():
    pass
"""


def test_fast_folders_come_first_and_unknown_ones_last() -> None:
    nodes = ["tests/browser/test_page.py::test_a", "tests/cluster/faults/test_b.py::test_b", "tests/unit/test_c.py::c"]
    nodes += ["tests/contracts/test_d.py::test_d", "tests/test_docs.py::test_e[tests/cluster/x]"]
    assert [suite.folder_of(node) for node in sorted(nodes, key=suite.rank)] == [
        "tests", "unit", "contracts", "cluster", "browser"
    ]  # fmt: skip


def test_the_order_has_every_folder_of_tests_but_the_slowest() -> None:
    folders = {path.parent.relative_to(ROOT / "tests").parts[:1] for path in (ROOT / "tests").rglob("test_*.py")}
    assert {part for parts in folders for part in parts} - set(suite.ORDER) == {"browser"}


def test_seconds_are_told_by_folder_and_in_all() -> None:
    assert suite.lines({"unit": 61.25, "cluster": 2.0}, {"unit": 7, "cluster": 1}) == [
        "unit              7 tests     61.2 s",
        "cluster           1 tests      2.0 s",
        "all               8 tests     63.2 s",
    ]


def test_contributing_has_every_need_of_the_tests() -> None:
    page = " ".join((ROOT / "CONTRIBUTING.md").read_text().split())
    assert [need.name for need in needs.NEEDS if f"| {need.name} | {need.tested} | {need.get} |" not in page] == []


def test_a_test_that_hangs_ends_and_the_next_one_runs(tmp_path: Path) -> None:
    (tmp_path / "test_hanging.py").write_text(HANGS)
    command = [sys.executable, "-m", "pytest", "-p", "no:cacheprovider", "--rootdir", str(tmp_path), "-o", "addopts="]
    done = subprocess.run(
        [*command, "--timeout", "0.5", str(tmp_path)],
        cwd=tmp_path,
        capture_output=True,
        text=True,
        timeout=stretched(30),
    )
    assert "1 failed, 1 passed" in done.stdout, done.stdout
    assert "Timeout" in done.stdout


def test_every_test_of_this_run_has_a_bound(request: pytest.FixtureRequest) -> None:
    assert request.config.getoption("timeout") >= suite.TEST_SECONDS
