"""`pixmill drill --once`: its exit status, its file of metrics, and which options it takes."""

import pytest

from tests.support.harnesses.command import Commands


def test_a_drill_that_goes_well_says_its_seconds_and_leaves_no_job(commands: Commands) -> None:
    done = commands.run("drill", "--once")
    assert (done.status, done.errors) == (0, "")
    assert done.lines[0].startswith("well in 0.")
    (told,) = commands.run("--json", "drill", "--once").objects
    assert told["seconds"] > 0
    assert (commands.service.jobs, commands.uploads) == ([], 2)


def test_a_failure_has_its_exit_status_and_is_written_too(commands: Commands) -> None:
    path = commands.folder / "pixmill.prom"
    assert commands.run("drill", "--once", "--textfile", path).status == 0
    commands.service.refuse("key_wrong")
    done = commands.run("drill", "--once", "--textfile", path)
    assert done.status == 4
    assert "drill: " in done.errors
    assert "pixmill_drill_success 0\n" in path.read_text()
    commands.service.fail()
    assert commands.run("drill", "--once").status == 1


@pytest.mark.parametrize(
    ("words", "said"),
    [
        (["--once", "--kill"], "--kill and --once exclude each other"),
        (["--once", "--rate", "5"], "--rate and --once"),
        (["--timeout", "5"], "--timeout needs --once"),
        (["--textfile", "a.prom"], "--textfile needs --once"),
        (["--once", "--textfile", "a.txt"], "must end in .prom"),
    ],
)
def test_options_of_the_other_drill_are_refused(commands: Commands, words: list[str], said: str) -> None:
    done = commands.run("drill", *words)
    assert done.status == 2
    assert said in done.errors
    assert commands.service.requests == []
