"""`pixmill logs`: which lines, of which files, for people and for programs."""

import json
from pathlib import Path

import pytest

from tests.support.harnesses.command import Commands

LINES = [
    {"at": f"2026-11-30T21:36:0{second}.000Z", "level": level, "role": role, "process": 1, "event": event, "job": job}
    for second, (level, role, event, job) in enumerate(
        [
            ("info", "web", "uploaded", "a"),
            ("info", "worker", "finished", "a"),
            ("warning", "worker", "decoder_died", "b"),
        ]
    )
]
TEXT = "".join(json.dumps(line) + "\n" for line in LINES)


@pytest.fixture
def file(tmp_path: Path) -> Path:
    path = tmp_path / "l.jsonl"
    path.write_text(TEXT)
    return path


def events(commands: Commands, *words: object) -> list[str]:
    done = commands.run("logs", "--json", *words)
    assert done.status == 0, done.errors
    return [each["event"] for each in done.objects]


def test_lines_are_shown_to_people(commands: Commands, file: Path) -> None:
    done = commands.run("logs", file, "--job", "a")
    assert done.lines == [
        "2026-11-30T21:36:00.000Z web.1              uploaded job=a",
        "2026-11-30T21:36:01.000Z worker.1           finished job=a",
    ]
    assert (done.status, done.errors) == (0, "")


@pytest.mark.parametrize(
    ("words", "found"),
    [
        ([], ["uploaded", "finished", "decoder_died"]), (["--job", "a"], ["uploaded", "finished"]),
        (["--job", "none"], []), (["--level", "warning"], ["decoder_died"]), (["--role", "web"], ["uploaded"]),
        (["--event", "uploaded", "--event", "decoder_died"], ["uploaded", "decoder_died"]),
        (["--since", "2026-11-30T21:36:01Z"], ["finished", "decoder_died"]), (["--request", "r"], []),
        (["--batch", "b"], []),
    ],
)  # fmt: skip
def test_options_filter(commands: Commands, file: Path, words: list[str], found: list[str]) -> None:
    assert events(commands, file, *words) == found


def test_standard_input_may_have_prefixes_and_other_lines(commands: Commands) -> None:
    data = "".join(f"web-1  | {line}\n" for line in ["hello", *TEXT.splitlines()]).encode()
    done = commands.run("logs", "-", "--json", data=data)
    assert [each["event"] for each in done.objects] == ["uploaded", "finished", "decoder_died"]
    assert done.errors == "lines that are none of the log: 1\n"


def test_without_a_file_it_is_that_of_the_setting_or_of_make_run_all(
    commands: Commands, file: Path, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    monkeypatch.chdir(tmp_path)
    monkeypatch.delenv("PIXMILL_LOG_PATH", raising=False)
    done = commands.run("logs")
    assert done.status == 2 and "there is no uploads/log/pixmill.jsonl" in done.errors
    monkeypatch.setenv("PIXMILL_LOG_PATH", str(file))
    assert len(events(commands)) == 3
    monkeypatch.delenv("PIXMILL_LOG_PATH")
    (tmp_path / "uploads/log").mkdir(parents=True)
    (tmp_path / "uploads/log/pixmill.jsonl").write_text(TEXT.splitlines()[0])
    assert len(events(commands)) == 1


def test_what_cannot_be_asked_is_wrong_usage(commands: Commands, file: Path) -> None:
    for words in (["--since", "soon"], ["--level", "loud"], ["--role", "cook"], [file / "none"]):
        assert commands.run("logs", file, *words).status == 2
