"""Rolling restarts, a stopped broker and a stopped worker cost nothing. At full length: `python -m
torture.restarts`."""

from collections.abc import Callable

import pytest

from tests.support.clusters.cluster import Cluster
from tests.support.patience import stretched
from torture.restarts import SETTINGS, SLOW_WIDTH, broken, broker_stopped, rolling, worker_stopped

pytestmark = pytest.mark.cluster
SILENCE_SECONDS = 1.0


def test_a_rolling_restart_under_load_fails_no_request_and_charges_no_job(new_cluster: Callable[..., Cluster]) -> None:
    figures = rolling(new_cluster(**SETTINGS).start(), 1)
    assert broken("rolling", figures) == []
    assert figures["uploads"] > 10


def test_a_broker_stopped_past_the_silence_loses_nothing(new_cluster: Callable[..., Cluster]) -> None:
    cluster = new_cluster(silence_seconds=SILENCE_SECONDS, **SETTINGS).start()
    figures = broker_stopped(cluster, 3 * SILENCE_SECONDS)
    assert broken("broker_stopped", figures) == []
    assert figures["uploads"] > 10


def test_a_late_answer_of_a_worker_stopped_past_its_silence_changes_nothing(
    new_cluster: Callable[..., Cluster],
) -> None:
    cluster = new_cluster(silence_seconds=SILENCE_SECONDS, **SETTINGS).start()
    width = int(SLOW_WIDTH / stretched(1.0) ** 0.5)
    assert broken("worker_stopped", worker_stopped(cluster, SILENCE_SECONDS, width)) == []
