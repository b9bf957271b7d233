"""The cluster in a scrape: gauges of the beat, counters of its figures, and none of a layout that is not ours."""

import msgspec
import pytest
from prometheus_client.parser import text_string_to_metric_families as parse

from jobs.figures.cluster import ACCEPTED, LAYOUT
from jobs.wire import COURIER, Beat, DeliveriesView, Figures, SweepsView, WorkerView
from web.metrics.cluster import number_of, told
from web.metrics.exposition import encoded

CELLS = [0] * LAYOUT.size
CELLS[LAYOUT.places(ACCEPTED)[()]] = 12
FIGURES = Figures(5, LAYOUT.digest, CELLS, {"web": 1500.0, "inline": 20.0}, 7.0, 10.5)


def worker(state: str, cache: str = "", kind: str = "images") -> WorkerView:
    return WorkerView("w", "w", state, 1, [], 0.0, cache, kind)


BEAT = Beat(
    3, 1000.0, 9, True, {"queued": 4, "done": 8}, 990.0,
    [worker("idle"), worker("busy", "no connection"), worker("busy"), worker("idle", "", COURIER)], 6, 0.0, 0.0,
    sweeps=SweepsView(5, 2, "why"), deliveries=DeliveriesView(11, 0, 3, 1), figures=FIGURES,
)  # fmt: skip


def samples(beat: Beat, figures: Figures) -> dict[str, float]:
    body, _ = encoded("", told(beat, figures))
    return {
        sample.name.removeprefix("pixmill_cluster_") + "".join(f" {value}" for value in sample.labels.values()): value
        for family in parse(body.decode())
        for sample in family.samples
        if (value := sample.value) or not sample.labels
    }


def test_the_beat_and_its_figures_are_told() -> None:
    found = samples(BEAT, FIGURES)
    expected = {
        "jobs queued": 4, "jobs done": 8, "oldest_queued_seconds": 10.5, "paused": 1, "workers idle": 1,
        "workers busy": 2, "workers_wanted": 6, "worker_caches_failing": 1, "couriers idle": 1, "sweeps waiting": 5,
        "sweeps failing": 2, "deliveries_waiting": 11, "endpoints failing": 3, "endpoints paused": 1,
        "oldest_delivery_seconds": 7, "epoch": 3, "cpu_seconds_total web": 1.5, "cpu_seconds_total inline": 0.02,
        "jobs_accepted_total": 12,
    }  # fmt: skip
    assert {name: found.get(name) for name in expected} == expected


def test_counters_of_another_layout_are_left_out_and_the_gauges_stay() -> None:
    for figures in (
        msgspec.structs.replace(FIGURES, layout="another"),
        msgspec.structs.replace(FIGURES, cells=CELLS[:-1]),
    ):
        found = samples(BEAT, figures)
        assert "jobs_accepted_total" not in found
        assert found["epoch"] == 3


@pytest.mark.parametrize(("before", "after"), [((3, 5), (3, 6)), ((3, 2**31), (4, 0))])
def test_the_number_grows_from_beat_to_beat_and_from_epoch_to_epoch(
    before: tuple[int, int], after: tuple[int, int]
) -> None:
    def number(place: tuple[int, int]) -> int:
        epoch, count = place
        figures = msgspec.structs.replace(FIGURES, number=count)
        return number_of(msgspec.structs.replace(BEAT, epoch=epoch), figures)

    assert number(before) < number(after) < 2**63
