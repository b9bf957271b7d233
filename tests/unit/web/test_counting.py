"""The metrics of a web process as it starts: in RUN, or none where there is no room."""

import logging
from pathlib import Path

import pytest

from web import counting
from web.counting import open_counts

LOG = logging.getLogger("web")


def test_processes_of_one_run_folder_share_their_counts(tmp_path: Path) -> None:
    one, two = open_counts(tmp_path, LOG), open_counts(tmp_path, LOG)
    assert one is not None and two is not None
    one.refused("queue_full")
    two.refused("queue_full")
    assert sum(one.seen().totals) == 2
    assert two.seen().running == 2


def test_web_serves_without_metrics_where_there_is_no_room(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    def full(*_given: object) -> None:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(counting, "Shared", full)
    assert open_counts(tmp_path, LOG) is None
    assert caplog.messages == ["metrics_off"]
