"""Some hundreds of jobs through 20 kills, stops, ends and restarts of anyone: every promise kept. The long one is
`make chaos`, by the same code."""

from pathlib import Path

import pytest

from tests.support.patience import stretched
from torture.chaos.plan import KILLED, Kind
from torture.chaos.run import run

pytestmark = pytest.mark.cluster
SECONDS_MAX = 120


def test_some_hundred_jobs_through_twenty_kills(tmp_path: Path) -> None:
    done = run(tmp_path, jobs=300, kills=20, seed=1, slow=1.0, seconds_max=stretched(SECONDS_MAX))
    assert done.broken() == []
    assert done.verdict.jobs == 300
    assert {target for kind, target in done.injector.done if kind is Kind.KILL} == set(KILLED)
    assert sum(done.verdict.attempts.values()) == 300
    assert max(done.verdict.attempts) > 1, "no kill met a job under way: this run shows nothing"
