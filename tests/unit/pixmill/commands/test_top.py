"""`pixmill top`: a beat each second, until Ctrl-C."""

import httpx2
import pytest

from tests.support.harnesses.command import JPEG, Commands


@pytest.fixture
def three_beats(commands: Commands, monkeypatch: pytest.MonkeyPatch) -> None:
    """Ctrl-C comes at the fourth request."""
    answer = commands.service.answer

    def interrupted(request: httpx2.Request) -> httpx2.Response:
        if len(commands.service.requests) == 3:
            raise KeyboardInterrupt
        return answer(request)

    monkeypatch.setattr(commands.service, "answer", interrupted)


@pytest.mark.usefixtures("three_beats")
def test_each_beat_is_an_object(commands: Commands) -> None:
    done = commands.run("top", "--json")
    assert (done.status, [each["queue"]["depth"] for each in done.objects]) == (0, [0, 0, 0])


@pytest.mark.usefixtures("three_beats")
def test_without_a_terminal_each_beat_is_printed(commands: Commands) -> None:
    commands.service.client().upload(JPEG)
    done = commands.run("top")
    assert (done.status, done.errors) == (0, "")
    assert sum(line.startswith("queue: 0 jobs") for line in done.lines) == 2
    assert any("done 1" in line for line in done.lines)
