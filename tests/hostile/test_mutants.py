"""Mutated frames at a real broker and mutated requests at a real web process: `python -m torture.frames` and
`python -m torture.requests`, short and seeded. What they once found is in the unit tests by its name."""

from pathlib import Path

import pytest

from tests.support.patience import stretched
from torture import frames, requests

pytestmark = pytest.mark.cluster


def test_no_frame_harms_the_broker(tmp_path: Path) -> None:
    found = frames.at_broker(tmp_path, 20_000, 400, seed=7)
    assert found["errors"] == []
    assert found["served_at_the_end"]
    assert found["exit_status"] == 0
    assert found["unsaid"] == 0
    assert 10_000 < found["dropped"] < 20_000, "most are no messages, but not all"


def test_no_frame_of_a_broker_harms_web_or_worker(tmp_path: Path) -> None:
    found = frames.at_web_and_worker(tmp_path, 8000, 200, seed=7)
    assert found["errors"] == []
    assert found["served_at_the_end"]
    assert found["ended_before"] is None


def test_no_request_is_a_5xx(tmp_path: Path) -> None:
    found = requests.run(tmp_path, 800, 8, stretched(requests.PATIENCE_SECONDS))
    assert found["faults"] == found["errors"] == []
    assert found["same_process"]
    assert found["served_at_the_end"]
    assert {"200", "202", "400", "404", "422"} <= set(found["answers"])
