"""Files of the log: merged by time, followed over renames, and bounded."""

import io
import json
import os
from pathlib import Path

from pixmill.commands.logfiles.lines import LINE_CHARACTERS_MAX
from pixmill.commands.logfiles.reading import Reading, Source, Unread


def text(second: int, job: str = "j") -> str:
    at = f"2026-11-30T21:36:{second:02}.000Z"
    return json.dumps({"at": at, "level": "info", "role": "web", "process": 1, "event": "uploaded", "job": job}) + "\n"


def seconds(reading: Reading) -> list[int]:
    return [int(line.at[17:19]) for line in reading.lines()]


def test_files_are_merged_by_time_each_behind_its_former_part(tmp_path: Path) -> None:
    one, two = tmp_path / "one", tmp_path / "two"
    one.write_text(text(3) + text(9))
    Path(f"{one}.1").write_text(text(1))
    two.write_text(text(2) + "noise\n\n" + text(4))
    with Reading([one, two], io.BytesIO(text(5).encode())) as reading:
        assert (seconds(reading), reading.unread) == ([1, 2, 3, 4, 5, 9], 1)


def test_a_file_that_is_named_is_not_read_twice(tmp_path: Path) -> None:
    one, former = tmp_path / "one", tmp_path / "one.1"
    one.write_text(text(2))
    former.write_text(text(1))
    with Reading([one, former]) as reading:
        assert seconds(reading) == [1, 2]


def test_a_line_of_any_length_takes_bounded_memory_and_is_counted(tmp_path: Path) -> None:
    path = tmp_path / "l"
    path.write_text("x" * (5 * LINE_CHARACTERS_MAX) + "\n" + text(1) + "y" * 10 + text(2)[:-1])
    unread = Unread()
    with path.open("rb") as file:
        source = Source(file, unread)
        for _ in source.lines():
            assert len(source._begun) <= LINE_CHARACTERS_MAX + 1
    assert unread.count == 1


def test_what_is_appended_is_told_once_also_into_a_renamed_and_a_new_file(tmp_path: Path) -> None:
    path = tmp_path / "l"
    path.write_text(text(1))
    steps = iter(range(6))

    def write(_: float) -> None:
        step = next(steps)
        with path.open("a") as file:
            file.write(text(2)[:20] if step == 0 else text(2)[20:] if step == 1 else text(step + 1))
        if step == 2:
            os.rename(path, tmp_path / "l.1")
            path.write_text(text(9))

    with Reading([path]) as reading:
        assert seconds(reading) == [1]
        told = (int(line.at[17:19]) for line in reading.followed(write))
        assert [next(told) for _ in range(5)] == [2, 3, 9, 4, 5]
        assert reading.unread == 0


def test_a_file_that_is_gone_for_a_moment_is_waited_for(tmp_path: Path) -> None:
    path = tmp_path / "l"
    path.write_text(text(1))
    with Reading([path]) as reading:
        assert seconds(reading) == [1]
        path.unlink()

        def write(_: float) -> None:
            path.write_text(text(2))

        assert next(reading.followed(write)).at[17:19] == "02"
