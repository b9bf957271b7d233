"""The metrics of the web processes: names, words, label values, buckets.

Owns what is counted here, not where (web/metrics/layout.py) or when (web/metrics/counts.py). Every set of label values
is closed: no job, tenant, reference, name of a worker or address is among them.
"""

from collections.abc import Sequence

from jobs.figures.layout import COUNTER, GAUGE, HISTOGRAM, INFO, MARK, Family, Layout
from web.http.problems import CODES

OTHER = "other"
"""Stands for every value that is not in its set."""
PAGE = "GET /"
"""The route of the page and of its files."""
JUDGE, READ, STORE, PROMISE = "judge", "read", "store", "promise"
STAGES = (JUDGE, READ, STORE, PROMISE)
"""The stages of an accept, in order: the judgement before the body, the body until its end, its originals until they
are durable, and the broker's promise. Their sum is the time to the 202."""
ACCEPT_BUCKETS = (0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 5.0, 10.0)
STATUSES = (
    200, 201, 202, 204, 206, 302, 303, 304, 307, 400, 401, 403, 404, 405, 408, 409, 413, 415, 416, 421, 422, 429, 431,
    500, 503, 507,
)  # fmt: skip
ACCEPT_SECONDS, REQUESTS = "pixmill_web_accept_seconds", "pixmill_web_requests"
UPLOAD_BYTES, REFUSED, STREAMS = "pixmill_web_upload_bytes", "pixmill_web_refused", "pixmill_web_streams"
TOLD = "told"
BUILD, PROCESSES, BEAT_AGE = "pixmill_build", "pixmill_web_processes", "pixmill_web_beat_age_seconds"
DISK_FREE, DISK_FREE_MIN = "pixmill_web_disk_free_bytes", "pixmill_web_disk_free_bytes_min"
OWN = {
    family.name: family
    for family in (
        Family(BUILD, INFO, "The release of the web process that answers.", ("version", "python")),
        Family(PROCESSES, GAUGE, "Web processes that run on this machine."),
        Family(
            BEAT_AGE, GAUGE, "Seconds since the process that answers heard the broker; infinite if it never heard it."
        ),
        Family(DISK_FREE, GAUGE, "Bytes that are free where originals are stored."),
        Family(DISK_FREE_MIN, GAUGE, "`DISK_FREE_BYTES_MIN`: with less, uploads are refused."),
    )
}
"""What is not counted, but asked for when a scrape comes."""


def layout(routes: Sequence[str]) -> Layout:
    """The cells of a web process with these routes (`GET /jobs/{job}`)."""
    named = [*routes, PAGE, OTHER]
    statuses = [*map(str, STATUSES), OTHER]
    return Layout(
        [
            Family(TOLD, MARK, "The newest figures of the broker that this process has told a scrape."),
            Family(
                REQUESTS,
                COUNTER,
                "Requests by route (its template) and HTTP status, counted when the answer begins.",
                ("route", "code"),
                tuple((route, status) for route in named for status in statuses),
                is_sparse=True,
            ),
            Family(
                REFUSED,
                COUNTER,
                "Requests that were answered by a problem document, by its code.",
                ("code",),
                tuple((code,) for code in (*CODES, OTHER)),
            ),
            Family(
                ACCEPT_SECONDS,
                HISTOGRAM,
                "Seconds of each stage of an accepted upload, in order: judge, read (at the pace of its client), "
                "store, promise. Their sum is the time to its 202.",
                ("stage",),
                tuple((stage,) for stage in STAGES),
                ACCEPT_BUCKETS,
            ),
            Family(UPLOAD_BYTES, COUNTER, "Bytes of the originals that uploads have stored."),
            Family(STREAMS, GAUGE, "Event streams that are open."),
        ]
    )
