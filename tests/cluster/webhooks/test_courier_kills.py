"""The short form of `python -m torture.courier`."""

from pathlib import Path

import pytest

from torture.courier.run import told_through_kills
from torture.courier.verdict import broken

pytestmark = pytest.mark.cluster
KILLS, JOBS_PER_KILL = 6, 4


def test_hostile_receivers_are_told_of_each_end_at_least_once_through_kills(tmp_path: Path) -> None:
    figures = told_through_kills(tmp_path, KILLS, seed=1, jobs_per_kill=JOBS_PER_KILL)
    assert list(broken("courier", figures)) == [], figures
