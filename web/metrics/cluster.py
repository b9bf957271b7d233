"""The figures of the whole cluster in a scrape: what the broker's latest beats say.

Every web process tells the same, so nobody may sum these over targets. Owns the names of the gauges; those of the
counters are jobs/figures/cluster.py's. Pure.
"""

from collections import Counter
from collections.abc import Mapping

from jobs.figures.cluster import LAYOUT, PREFIX
from jobs.figures.layout import COUNTER, GAUGE, Family
from jobs.job import State
from jobs.wire import COURIER, Beat, Figures
from web.metrics.exposition import Told, told_of

JOBS, OLDEST, PAUSED = f"{PREFIX}jobs", f"{PREFIX}oldest_queued_seconds", f"{PREFIX}paused"
WORKERS, COURIERS, WANTED = f"{PREFIX}workers", f"{PREFIX}couriers", f"{PREFIX}workers_wanted"
CACHES_FAILING = f"{PREFIX}worker_caches_failing"
SWEEPS, DELIVERIES_WAITING, ENDPOINTS = f"{PREFIX}sweeps", f"{PREFIX}deliveries_waiting", f"{PREFIX}endpoints"
OLDEST_DELIVERY, EPOCH, CPU = f"{PREFIX}oldest_delivery_seconds", f"{PREFIX}epoch", f"{PREFIX}cpu_seconds"
WORKER_STATES = ("idle", "busy", "draining")
_OLDEST_HELP = (
    "Seconds since the oldest queued job was accepted; 0 if none is queued. "
    "Jobs of tenants that are paused, or that may have none running, do not count."
)
_STATES = tuple((state,) for state in WORKER_STATES)
FAMILIES = {
    family.name: family
    for family in (
        Family(
            JOBS,
            GAUGE,
            "Jobs by state, those that have ended included.",
            ("state",),
            tuple((state.value,) for state in State),
        ),
        Family(OLDEST, GAUGE, _OLDEST_HELP),
        Family(PAUSED, GAUGE, "1 while an operator has paused the whole queue."),
        Family(WORKERS, GAUGE, "Connected workers by state.", ("state",), _STATES),
        Family(WANTED, GAUGE, "Workers that would end all waiting and running jobs within 10 s."),
        Family(CACHES_FAILING, GAUGE, "Workers for which the result cache fails."),
        Family(COURIERS, GAUGE, "Connected couriers by state.", ("state",), _STATES),
        Family(
            SWEEPS,
            GAUGE,
            "Jobs whose files wait to be deleted, and those of them whose deletion failed before.",
            ("state",),
            (("waiting",), ("failing",)),
        ),
        Family(DELIVERIES_WAITING, GAUGE, "Deliveries to receivers that wait or are on their way."),
        Family(
            ENDPOINTS,
            GAUGE,
            "Receivers whose attempts fail, and those of them that are paused for that.",
            ("state",),
            (("failing",), ("paused",)),
        ),
        Family(
            OLDEST_DELIVERY,
            GAUGE,
            "Seconds since when some delivery cannot be made: no courier takes it, or its receiver fails.",
        ),
        Family(EPOCH, GAUGE, "The number of the broker's term. The counters of the cluster begin at 0 with each."),
        Family(
            CPU, COUNTER, "CPU seconds of decoders by preset; `inline` is a recipe of the upload's own.", ("preset",)
        ),
    )
}
_EPOCH_SHIFT = 32
"""Numbers of an epoch are below 2**32: one a second."""


def number_of(beat: Beat, figures: Figures) -> int:
    """A number that grows from figures to figures, also over epochs."""
    return (beat.epoch << _EPOCH_SHIFT) + figures.number


def told(beat: Beat, figures: Figures) -> list[Told]:
    """All families of the cluster, from a beat that tells figures. Counters are left out if their broker is of a
    release with others."""
    families = [*_gauges(beat, figures)]
    if figures.layout == LAYOUT.digest and len(figures.cells) == LAYOUT.size:
        families += told_of(LAYOUT, figures.cells)
    presets = sorted(figures.cpu_ms)
    cpu = FAMILIES[CPU]._replace(values=tuple((preset,) for preset in presets))
    return [*families, Told(cpu, [figures.cpu_ms[preset] / 1000 for preset in presets])]


def _gauges(beat: Beat, figures: Figures) -> list[Told]:
    workers = [worker for worker in beat.workers if worker.kind != COURIER]
    sweeps, deliveries = beat.sweeps, beat.deliveries
    values: dict[str, list[float]] = {
        JOBS: _by(FAMILIES[JOBS], beat.counts),
        OLDEST: [figures.oldest_queued_seconds],
        PAUSED: [int(beat.paused)],
        WORKERS: _by(FAMILIES[WORKERS], Counter(worker.state for worker in workers)),
        WANTED: [beat.workers_wanted],
        CACHES_FAILING: [sum(bool(worker.cache) for worker in workers)],
        COURIERS: _by(FAMILIES[COURIERS], Counter(worker.state for worker in beat.workers if worker.kind == COURIER)),
        SWEEPS: [sweeps.waiting, sweeps.failing] if sweeps else [0, 0],
        DELIVERIES_WAITING: [deliveries.waiting if deliveries else 0],
        ENDPOINTS: [deliveries.failing, deliveries.paused] if deliveries else [0, 0],
        OLDEST_DELIVERY: [figures.oldest_delivery_seconds],
        EPOCH: [beat.epoch],
    }
    return [Told(FAMILIES[name], numbers) for name, numbers in values.items()]


def _by(family: Family, counts: Mapping[str, int]) -> list[float]:
    """The count of each series of a family with one label."""
    return [counts.get(value, 0) for (value,) in family.values]
