"""Scrapes of a cluster, one after the other, and what must hold between them: no counter falls, unless its broker began
anew.

Owns how a scrape is read. Starts no cluster.
"""

import threading
import time
from collections.abc import Mapping

import httpx2
from prometheus_client.parser import text_string_to_metric_families as parse

from tests.support.clusters.cluster import Cluster

Labels = tuple[tuple[str, str], ...]
Counters = dict[tuple[str, Labels], float]
EPOCH = ("pixmill_cluster_epoch", ())
_CLUSTER = "pixmill_cluster_"
_RISING = ("counter", "histogram")


def counters_of(text: str) -> Counters:
    """All samples of a scrape that may only rise, and the epoch."""
    return {
        (sample.name, tuple(sorted(sample.labels.items()))): sample.value
        for family in parse(text)
        for sample in family.samples
        if family.type in _RISING or sample.name == EPOCH[0]
    }


def is_anew(before: Mapping[tuple[str, Labels], float], after: Mapping[tuple[str, Labels], float]) -> bool:
    """Whether the later scrape tells of another term of a broker."""
    return EPOCH in before and EPOCH in after and before[EPOCH] < after[EPOCH]


def falls(before: Mapping[tuple[str, Labels], float], after: Mapping[tuple[str, Labels], float]) -> list[str]:
    """The counters that fell from one scrape to a later one. Those of the cluster may, with a new epoch; one that is
    missing, as those of the cluster are in a scrape of a process that has heard no beat yet, did not fall."""
    anew = is_anew(before, after)
    return [
        f"{name}{dict(labels)}: {value} -> {after[name, labels]}"
        for (name, labels), value in before.items()
        if after.get((name, labels), value) < value and not (anew and name.startswith(_CLUSTER))
    ]


class Scraper(threading.Thread):
    """Scrapes `cluster` each `seconds` from its start to `close`. `highest`: the last value of each counter that was
    ever told. `fell`: those that fell. `scrapes`: how many were answered, and `missed`: how many were not, as by a
    process that was killed."""

    def __init__(self, cluster: Cluster, seconds: float) -> None:
        super().__init__(daemon=True)
        self._cluster, self._seconds = cluster, seconds
        self._over = threading.Event()
        self.highest: Counters = {}
        self.fell: list[str] = []
        self.scrapes = self.missed = 0

    def run(self) -> None:
        """As a thread."""
        while not self._over.wait(self._seconds):
            self.scrape()

    def scrape(self) -> None:
        """One scrape, on a connection of its own: the kernel chooses who answers."""
        try:
            answer = httpx2.get(f"{self._cluster.url}/metrics", timeout=10, verify=False)
        except httpx2.HTTPError:
            self.missed += 1
            return
        assert answer.status_code == 200, answer.text
        now = counters_of(answer.text)
        self.fell += falls(self.highest, now)
        if is_anew(self.highest, now):  # what its broker has not counted yet is not told yet
            self.highest = {key: value for key, value in self.highest.items() if not key[0].startswith(_CLUSTER)}
        self.highest.update(now)
        self.scrapes += 1

    def close(self) -> None:
        """End, with a last scrape."""
        self._over.set()
        self.join()
        before = self.scrapes
        deadline = time.monotonic() + 10
        while self.scrapes == before and time.monotonic() < deadline:
            self.scrape()
