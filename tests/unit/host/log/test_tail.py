"""The lines of one job, out of files of any size."""

import json
from pathlib import Path

import pytest

from host.log.tail import Found, lines_of


def line(second: int, job: str = "j", **members: object) -> str:
    return json.dumps({"at": f"2026-11-30T21:36:{second:02}.000Z", "job": job, **members}) + "\n"


def seconds(found: Found) -> list[int]:
    return [int(each["at"][17:19]) for each in found.lines]


def test_the_lines_of_a_job_are_found_in_both_files(tmp_path: Path) -> None:
    path = tmp_path / "l"
    (tmp_path / "l.1").write_text(line(1) + line(2, "k"))
    path.write_text(line(4) + "noise\n" + line(3) + line(5, "k", why="j") + line(6, "k", other="j") + '["j"]\n{"j"\n')
    assert (seconds(found := lines_of(str(path), "j")), found.complete) == ([1, 3, 4], True)
    assert lines_of(str(path), "none") == Found([], True)


def test_only_the_newest_lines_are_told(tmp_path: Path) -> None:
    path = tmp_path / "l"
    path.write_text("".join(line(number) for number in range(9)))
    found = lines_of(str(path), "j", lines_max=3)
    assert (seconds(found), found.complete) == ([6, 7, 8], False)


def test_only_the_end_of_a_large_file_is_looked_at(tmp_path: Path) -> None:
    path = tmp_path / "l"
    path.write_text(line(1) + line(2, "k" * 3000) + line(3))
    found = lines_of(str(path), "j", bytes_max=2000)
    assert (seconds(found), found.complete) == ([3], False)
    (tmp_path / "l.1").write_text(line(0))
    assert seconds(lines_of(str(path), "j", bytes_max=2000)) == [3]


def test_without_a_file_it_is_an_error(tmp_path: Path) -> None:
    with pytest.raises(FileNotFoundError):
        lines_of(str(tmp_path / "l"), "j")
