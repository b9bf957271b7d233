"""Counts what one web process does, in its own cells.

Only the event loop's thread counts. An increment is one store of 8 bytes, so a process that is killed leaves every cell
whole. Knows no request and no file.
"""

from collections.abc import Callable, Mapping, Sequence
from typing import NamedTuple

from jobs.figures.layout import Cells, Layout, observe
from web.metrics.families import ACCEPT_SECONDS, OTHER, REFUSED, REQUESTS, STREAMS, TOLD, UPLOAD_BYTES

Slots = Sequence[tuple[Sequence[int], bool]]
"""The cells of every process that ever counted here, and whether it still runs. Ours is among them."""


class Seen(NamedTuple):
    """Over all processes: `totals` has each cell (counters also of processes that ended, gauges of those that run), in
    the layout's order. `running`: how many processes there are. `newest`: the number of the newest figures of the
    broker that any of them told a scrape."""

    totals: list[int]
    running: int
    newest: int


class Counts:
    """What is counted in `cells`, laid out by `layout`. `slots`: reads the cells of all processes that share them."""

    def __init__(self, layout: Layout, cells: Cells, slots: Callable[[], Slots]) -> None:
        self.layout = layout
        self._cells, self._slots, self._stays = cells, slots, layout.is_summed()
        self._requests, self._refused = layout.places(REQUESTS), layout.places(REFUSED)
        self._accept, self._accept_family = layout.places(ACCEPT_SECONDS), layout.family(ACCEPT_SECONDS)
        self._upload_bytes = layout.places(UPLOAD_BYTES)[()]
        self._streams, self._told = layout.places(STREAMS)[()], layout.places(TOLD)[()]
        self.streams(0)
        self.told(0)

    def request(self, route: str, status: int) -> None:
        """A request of this route is answered with `status`."""
        code = str(status)
        at = self._requests.get((route, code))
        if at is None:
            at = _place(self._requests, (route, OTHER), (OTHER, code), (OTHER, OTHER))
        self._cells[at] += 1

    def refused(self, code: str) -> None:
        """A request is answered by a problem with this code."""
        self._cells[_place(self._refused, (code,), (OTHER,))] += 1

    def accepted(self, stage: str, seconds: float) -> None:
        """An accepted upload took so long in one stage."""
        observe(self._cells, self._accept[stage,], self._accept_family, seconds)

    def uploaded(self, size: int) -> None:
        """An upload has stored originals of so many bytes in all."""
        self._cells[self._upload_bytes] += size

    def streams(self, count: int) -> None:
        """So many event streams are open."""
        self._cells[self._streams] = count

    def told(self, number: int) -> None:
        """A scrape is told figures of the broker of this `number`, which grows from beat to beat."""
        self._cells[self._told] = number

    def seen(self) -> Seen:
        """What all processes have counted."""
        slots = self._slots()
        running = [cells for cells, is_running in slots if is_running]
        ever, now = _sums([cells for cells, _ in slots]), _sums(running)
        totals = [total if stays else gauge for total, gauge, stays in zip(ever, now, self._stays, strict=True)]
        return Seen(totals, len(running), max(cells[self._told] for cells in running))


def _place(places: Mapping[tuple[str, ...], int], *values: tuple[str, ...]) -> int:
    """The place of the first of these label values that is one of the set; the last one is."""
    return next(places[each] for each in values if each in places)


def _sums(slots: Sequence[Sequence[int]]) -> list[int]:
    return [*map(sum, zip(*slots, strict=True))]
