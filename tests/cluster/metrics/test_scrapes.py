"""Scrapes under load while web processes and the broker are killed: no counter falls, and the counts are right.

`python -m bench.metrics.kills` does the same for a minute.
"""

from pathlib import Path

import pytest

from bench.metrics.kills import Killed, run
from bench.metrics.scrapes import counters_of, falls

pytestmark = pytest.mark.cluster
TEXT = """# TYPE a_total counter
a_total{x="1"} 5
# TYPE pixmill_cluster_b_total counter
pixmill_cluster_b_total 7
# TYPE pixmill_cluster_epoch gauge
pixmill_cluster_epoch 1
"""


@pytest.fixture(scope="module")
def killed(tmp_path_factory: pytest.TempPathFactory) -> Killed:
    return run(Path(tmp_path_factory.mktemp("kills")), seconds=8.0, scrape_seconds=0.2, kill_seconds=2.0)


def test_no_counter_falls_but_those_of_a_broker_that_began_anew(killed: Killed) -> None:
    assert killed.kills >= 3
    assert killed.scrapes > 10
    assert killed.fell == []


def test_each_answered_upload_is_counted_and_none_twice(killed: Killed) -> None:
    """A process that is killed has counted an answer, or has not sent it yet."""
    assert killed.answered <= killed.counted <= killed.asked


@pytest.mark.parametrize(
    ("change", "fell"),
    [
        (("} 5", "} 6"), 0),
        (("} 5", "} 4"), 1),
        (("b_total 7", "b_total 6"), 1),
        (("pixmill_cluster_b_total 7\n", ""), 0),
    ],
)
def test_a_fall_would_be_seen(change: tuple[str, str], fell: int) -> None:
    assert len(falls(counters_of(TEXT), counters_of(TEXT.replace(*change)))) == fell


def test_a_fall_with_a_new_epoch_is_none() -> None:
    anew = TEXT.replace("b_total 7", "b_total 0").replace("epoch 1", "epoch 2")
    assert falls(counters_of(TEXT), counters_of(anew)) == []
