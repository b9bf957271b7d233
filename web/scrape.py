"""GET /metrics: what the web processes of this machine have counted, and the figures of the broker.

Its cost does not depend on the number of jobs: everything is a counter that somebody keeps anyhow.
"""

import platform
from importlib.metadata import PackageNotFoundError, version

from starlette.responses import Response

from jobs.errors import ClientFault, StoreFault
from web.access.call import Call
from web.access.parts import Web
from web.metrics.cluster import number_of
from web.metrics.cluster import told as cluster_told
from web.metrics.counts import Counts
from web.metrics.exposition import Told, encoded, told_of
from web.metrics.families import BEAT_AGE, BUILD, DISK_FREE, DISK_FREE_MIN, OWN, PROCESSES

FIGURES_SECONDS_MAX = 10.0
"""Older figures are of a broker that is gone, and are told no more. It says them each second."""
_HEADERS = {"Cache-Control": "no-store"}


async def metrics(call: Call) -> Response:
    """GET /metrics. Raises ClientFault `not_found` where METRICS is off."""
    web, counts = call.web, call.web.counts
    if counts is None:
        raise ClientFault("there is no /metrics: PIXMILL_METRICS is 0", code="not_found")
    counts.streams(web.streams.total)
    seen = counts.seen()
    told = [_build(), *told_of(counts.layout, seen.totals), *_of_process(web, seen.running)]
    told += _of_cluster(web, counts, seen.newest)
    body, content_type = encoded(call.request.headers.get("accept", ""), told)
    return Response(body, headers={**_HEADERS, "Content-Type": content_type})


def _of_cluster(web: Web, counts: Counts, newest: int) -> list[Told]:
    """The figures of the broker, if it has said any lately. If another process has told newer ones, none: a counter
    must not fall, and a gap of one scrape harms nothing."""
    beat = web.feed.counted_beat
    if beat is None or beat.figures is None or web.feed.counted_seconds() > FIGURES_SECONDS_MAX:
        return []
    if (number := number_of(beat, beat.figures)) < newest:
        return []
    counts.told(number)
    return cluster_told(beat, beat.figures)


def _build() -> Told:
    labels = (_version(), platform.python_version())
    return Told(OWN[BUILD]._replace(values=(labels,)), [1])


def _version() -> str:
    try:
        return version("pixmill")
    except PackageNotFoundError:  # a checkout whose packages were put there by hand
        return "unknown"


def _of_process(web: Web, running: int) -> list[Told]:
    """The gauges of the process that answers, and how many like it there are."""
    try:
        free = web.blobs.free_bytes()
    except StoreFault:
        free = None
    values = {
        PROCESSES: running,
        BEAT_AGE: web.feed.silent_seconds(),
        DISK_FREE: free,
        DISK_FREE_MIN: web.settings.disk_free_bytes_min,
    }
    return [Told(OWN[name], [value]) for name, value in values.items()]
