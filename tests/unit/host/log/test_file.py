"""The file of LOG_PATH: appended by all, renamed by others."""

import fcntl
import os
import stat
from pathlib import Path

import pytest

from host.log.file import LogFile, former


def test_all_processes_append_to_one_file_that_only_we_may_read(tmp_path: Path) -> None:
    path = tmp_path / "log" / "pixmill.jsonl"
    one, two = LogFile(str(path)), LogFile(str(path))
    one.append("1")
    two.append("2")
    one.append("3")
    assert path.read_text() == "1\n2\n3\n"
    assert stat.S_IMODE(path.stat().st_mode) == 0o600 and stat.S_IMODE(path.parent.stat().st_mode) == 0o700


def test_a_renamed_file_is_opened_anew_and_a_cut_one_goes_on(tmp_path: Path) -> None:
    path = tmp_path / "l"
    file = LogFile(str(path))
    file.append("1")
    os.rename(path, tmp_path / "old")
    file.append("2")
    os.truncate(path, 0)  # as copytruncate does
    file.append("3")
    path.unlink()
    file.append("4")
    assert (path.read_text(), (tmp_path / "old").read_text()) == ("4\n", "1\n")


def test_no_descriptor_is_lost_over_renames(tmp_path: Path) -> None:
    path, before = tmp_path / "l", len(os.listdir("/proc/self/fd"))
    file = LogFile(str(path))
    for number in range(20):
        file.append("x")
        os.rename(path, tmp_path / f"{number}")
    file.close()
    assert len(os.listdir("/proc/self/fd")) == before


def test_a_file_that_cannot_be_written_is_tried_again(tmp_path: Path) -> None:
    file = LogFile(str(tmp_path / "l"))
    (tmp_path / "l").mkdir()
    for _ in range(2):
        with pytest.raises(OSError, match="directory"):
            file.append("x")
    (tmp_path / "l").rmdir()
    file.append("y")
    assert (tmp_path / "l").read_text() == "y\n"


def test_a_large_file_is_renamed_once_over_the_former_one(tmp_path: Path) -> None:
    path = tmp_path / "l"
    files = [LogFile(str(path), 9) for _ in range(3)]
    for number in range(12):
        files[number % 3].append(f"{number:04}")
    assert path.stat().st_size <= 15 and Path(former(str(path))).stat().st_size == 10
    assert sorted((path.read_text() + Path(former(str(path))).read_text()).split())[-1] == "0011"


def test_who_found_the_file_large_before_another_renamed_it_does_not_rename_the_next_one(tmp_path: Path) -> None:
    path = tmp_path / "l"
    one, two = LogFile(str(path), 9), LogFile(str(path), 9)
    two.append("0123456789")
    large = os.stat(path)
    one.append("x")
    found = iter([large])  # judged before the other one came
    real, two._found = two._found, lambda: next(found, None) or real()  # type: ignore[method-assign]
    two.append("y")
    assert Path(former(str(path))).read_text() == "0123456789\n"
    assert path.read_text() == "x\ny\n"


def test_who_is_late_does_not_rename_the_next_file(tmp_path: Path) -> None:
    """Another process has the lock: the line goes into the large file, and nothing is renamed."""
    path = tmp_path / "l"
    one, two = LogFile(str(path), 9), LogFile(str(path), 9)
    one.append("0123456789")
    with path.open() as held:
        fcntl.flock(held, fcntl.LOCK_EX)
        two.append("x")
        assert not Path(former(str(path))).exists()
    two.append("y")
    assert (path.read_text(), Path(former(str(path))).read_text()) == ("y\n", "0123456789\nx\n")
    one.append("z")
    assert path.read_text() == "y\nz\n"


def test_no_bound_is_no_rename(tmp_path: Path) -> None:
    file = LogFile(str(tmp_path / "l"), 0)
    for _ in range(3):
        file.append("x" * 10_000)
    assert os.listdir(tmp_path) == ["l"]
