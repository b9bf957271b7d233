"""The textfile of a probe: its metrics, what it keeps of the file before, and that it is replaced as a whole."""

import os
import shutil
import subprocess
from pathlib import Path

import pytest

from pixmill import Unreachable
from pixmill.probe import Probed
from pixmill.textfile import success_in, text_of, written

WELL = Probed(1_700_000_000.5, 0.25)
ILL = Probed(1_700_000_060.5, 3.0, Unreachable("away"))


def values(text: str) -> dict[str, float]:
    return {name: float(value) for name, value in (line.split() for line in text.splitlines() if line[0] != "#")}


def test_a_success_is_four_metrics() -> None:
    assert values(text_of(WELL, None)) == {
        "pixmill_drill_success": 1.0,
        "pixmill_drill_seconds": 0.25,
        "pixmill_drill_last_run_timestamp_seconds": 1_700_000_000.5,
        "pixmill_drill_last_success_timestamp_seconds": 1_700_000_000.5,
    }


def test_a_failure_keeps_the_last_success_of_the_file_before(tmp_path: Path) -> None:
    path = tmp_path / "pixmill.prom"
    for probed in (WELL, ILL, ILL):
        written(path, probed)
    found = values(path.read_text())
    assert found["pixmill_drill_success"] == 0.0
    assert found["pixmill_drill_last_run_timestamp_seconds"] == ILL.at
    assert found["pixmill_drill_last_success_timestamp_seconds"] == WELL.at


def test_a_success_that_never_was_is_left_out(tmp_path: Path) -> None:
    path = tmp_path / "pixmill.prom"
    path.write_text("another program's")
    written(path, ILL)
    assert "last_success" not in path.read_text()
    assert success_in("pixmill_drill_last_success_timestamp_seconds NaN\n") is None


def test_the_file_is_replaced_as_a_whole_and_others_may_read_it(tmp_path: Path) -> None:
    path = tmp_path / "pixmill.prom"
    written(path, WELL)
    with path.open() as before:
        written(path, ILL)
        assert before.read() == text_of(WELL, None), "a reader keeps the file that they opened"
    assert [each.name for each in tmp_path.iterdir()] == ["pixmill.prom"]
    assert path.stat().st_mode & 0o777 == 0o644


def test_a_file_that_cannot_be_written_leaves_nothing(tmp_path: Path) -> None:
    (tmp_path / "pixmill.prom").mkdir()
    with pytest.raises(IsADirectoryError):
        written(tmp_path / "pixmill.prom", WELL)
    assert os.listdir(tmp_path) == ["pixmill.prom"]


@pytest.mark.parametrize("probed", [WELL, ILL])
def test_promtool_finds_nothing_to_say(probed: Probed) -> None:
    if (tool := shutil.which("promtool")) is None:
        pytest.skip("promtool is not installed")
    done = subprocess.run([tool, "check", "metrics"], input=text_of(probed, 1.5), capture_output=True, text=True)
    assert (done.returncode, done.stdout, done.stderr) == (0, "", "")
