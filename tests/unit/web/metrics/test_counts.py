"""What one process counts, and the sums over all of them."""

import pytest

from jobs.figures.layout import histogram
from web.metrics.counts import Counts, Slots
from web.metrics.families import ACCEPT_BUCKETS, ACCEPT_SECONDS, OTHER, READ, REFUSED, REQUESTS, STREAMS, layout

LAID = layout(["GET /jobs/{job}"])


class Counting:
    """Counts with cells in memory, beside the `others` of more processes."""

    def __init__(self) -> None:
        self.cells = [0] * LAID.size
        self.others: Slots = []
        self.counts = Counts(LAID, self.cells, lambda: [(self.cells, True), *self.others])

    def at(self, name: str, *labels: str) -> int:
        return self.counts.seen().totals[LAID.places(name)[labels]]


@pytest.mark.parametrize(
    ("route", "status", "counted"),
    [
        ("GET /jobs/{job}", 200, ("GET /jobs/{job}", "200")),
        ("GET /jobs/{job}", 418, ("GET /jobs/{job}", OTHER)),
        ("", 404, (OTHER, "404")),
        ("PUT /x", 299, (OTHER, OTHER)),
    ],
)
def test_a_request_counts_by_route_and_status_and_what_is_unknown_as_other(
    route: str, status: int, counted: tuple[str, str]
) -> None:
    it = Counting()
    it.counts.request(route, status)
    it.counts.request(route, status)
    assert it.at(REQUESTS, *counted) == 2
    assert sum(it.cells) == 2


def test_a_refusal_counts_by_its_code() -> None:
    it = Counting()
    it.counts.refused("queue_full")
    it.counts.refused("never heard of")
    assert (it.at(REFUSED, "queue_full"), it.at(REFUSED, OTHER)) == (1, 1)


def test_a_stage_falls_into_the_bucket_whose_bound_it_does_not_pass() -> None:
    it = Counting()
    for seconds in (0.0005, 0.001, 0.0011, 60.0):
        it.counts.accepted(READ, seconds)
    counted = histogram(it.counts.seen().totals, LAID.places(ACCEPT_SECONDS)[READ,], LAID.family(ACCEPT_SECONDS))
    assert counted.counts == [2, 1, *[0] * (len(ACCEPT_BUCKETS) - 2), 1]
    assert counted.sum == pytest.approx(60.0026)


def test_counters_of_processes_that_ended_stay_and_their_gauges_go() -> None:
    it = Counting()
    dead, alive = [0] * LAID.size, [0] * LAID.size
    for cells in (dead, alive):
        cells[LAID.places(REFUSED)["queue_full",]] = 5
        cells[LAID.places(STREAMS)[()]] = 7
    it.others = [(dead, False), (alive, True)]
    it.counts.streams(1)
    it.counts.refused("queue_full")
    assert it.at(REFUSED, "queue_full") == 11
    assert it.at(STREAMS) == 8
    assert it.counts.seen().running == 2


def test_a_process_that_takes_over_goes_on_from_the_counters_and_begins_its_gauges() -> None:
    first = Counting()
    first.counts.streams(4)
    first.counts.refused("queue_full")
    after = Counts(LAID, first.cells, lambda: [(first.cells, True)])
    after.refused("queue_full")
    totals = after.seen().totals
    assert (totals[LAID.places(REFUSED)["queue_full",]], totals[LAID.places(STREAMS)[()]]) == (2, 0)


@pytest.mark.parametrize(("running", "newest"), [(True, 9), (False, 3)])
def test_the_newest_number_that_a_running_process_told_is_seen_by_all(running: bool, newest: int) -> None:
    it, other = Counting(), Counting()
    other.counts.told(9)
    it.others = [(other.cells, running)]
    it.counts.told(3)
    assert it.counts.seen().newest == newest
