"""The figures of the whole cluster, which the broker counts and web tells: names, words, label values, buckets.

The broker sends its cells in the beat (jobs/wire/stats.py), with the digest of their layout. Web tells them only if it
has the same layout: for the minutes of an upgrade the two may differ. Every set of label values is closed: what is in
none is OTHER.
"""

from jobs.figures.layout import COUNTER, GAUGE, HISTOGRAM, Family, Layout
from jobs.images.formats import HEIC, READ
from jobs.job import PRIORITIES, Code, State
from jobs.lanes import HEAVY, LARGE, SMALL

OTHER = "other"
INLINE = "inline"
"""Stands for the preset of a job that brought its own recipe."""
PRESETS_MAX = 100
"""Presets whose CPU is counted each; those beyond are OTHER."""

SIZES = {SMALL: "small", LARGE: "large", HEAVY: "heavy"}
"""The words for size classes of jobs/lanes.py. A fetch has none: it waits for no worker."""
STAGES = ("read", "decode", "operate", "encode", "publish")
"""The stages of a job in a worker, in order: the original is found and opened, decoded; its renditions are computed,
encoded, and made durable."""
FORMATS = (*READ, HEIC, OTHER)
CODES = (*(code.value for code in Code), OTHER)
DONE, FAILED, DEAD, CANCELLED = (each.value for each in (State.DONE, State.FAILED, State.DEAD, State.CANCELLED))
HIT, MISS = "hit", "miss"
DELIVERED, FETCHED, RETRIED, GIVEN_UP = "delivered", "fetched", "retried", "failed"
SILENCE, LEFT, DIED, REPLACED, DENIED, STRANGE, ABSENT = (
    "silence", "left", "died", "replaced", "denied", "not_held", "not_back",
)  # fmt: skip
REASONS = (SILENCE, LEFT, DIED, REPLACED, DENIED, STRANGE, ABSENT, OTHER)
"""Why a lease is lost: its worker was silent, left, died, has another's connection, may not speak any more (its key is
removed, or it floods), does not hold it, or did not come back after the broker's restart."""

QUEUE_BUCKETS = (0.01, 0.05, 0.1, 0.5, 1.0, 5.0, 10.0, 30.0, 60.0, 300.0, 600.0, 1800.0, 3600.0)
PROCESSING_BUCKETS = (0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 5.0, 10.0, 30.0, 60.0)
COMMIT_BUCKETS = (0.0005, 0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 5.0)
ROWS_BUCKETS = (1.0, 3.0, 10.0, 30.0, 100.0, 300.0, 1000.0, 3000.0)

PREFIX = "pixmill_cluster_"
COMMIT_SECONDS, COMMIT_ROWS = f"{PREFIX}commit_seconds", f"{PREFIX}commit_rows"
WAL_BYTES, DROPPED, UNSAID = f"{PREFIX}ledger_wal_bytes", f"{PREFIX}frames_dropped", f"{PREFIX}messages_unsaid"
RECORDER_OFF = f"{PREFIX}recorder_off"
ACCEPTED, JOBS_ENDED = f"{PREFIX}jobs_accepted", f"{PREFIX}jobs_ended"
LOST, RETRIES = f"{PREFIX}leases_lost", f"{PREFIX}retries"
QUEUE, PROCESSING = f"{PREFIX}queue_seconds", f"{PREFIX}processing_seconds"
CACHE, DELIVERIES, FETCHES = f"{PREFIX}cache_requests", f"{PREFIX}deliveries", f"{PREFIX}fetches"


def _series(values: tuple[str, ...]) -> tuple[tuple[str, ...], ...]:
    return tuple((value,) for value in values)


OF_LOOP = (
    Family(COMMIT_SECONDS, HISTOGRAM, "Seconds of each commit of the ledger, with its sync.", buckets=COMMIT_BUCKETS),
    Family(COMMIT_ROWS, HISTOGRAM, "Jobs that each commit writes.", buckets=ROWS_BUCKETS, scale=1),
    Family(WAL_BYTES, GAUGE, "Bytes of the write-ahead log of the embedded ledger; 0 with a ledger on a server."),
    Family(DROPPED, COUNTER, "Frames that the broker dropped: of no message, or of one that its sender may not send."),
    Family(UNSAID, COUNTER, "Messages of the broker that were left out, because one item passes a frame."),
    Family(RECORDER_OFF, GAUGE, "1 while the flight recorder records nothing, as on a full disk."),
)
"""What the broker's loop measures: a core knows no clock and no file."""
OF_CORE = (
    Family(ACCEPTED, COUNTER, "Jobs that were accepted."),
    Family(
        JOBS_ENDED,
        COUNTER,
        "Ends of jobs by state, and by code where there is one. A job that is requeued may end again.",
        ("state", "code"),
        ((DONE, ""), (CANCELLED, Code.CANCELLED.value), *((state, code) for state in (FAILED, DEAD) for code in CODES)),
    ),
    Family(
        LOST,
        COUNTER,
        "Leases that ended because of their holder, by reason.",
        ("reason",),
        _series(REASONS),
    ),
    Family(RETRIES, COUNTER, "Tries that failed and are made again, by their code.", ("code",), _series(CODES)),
    Family(
        QUEUE,
        HISTOGRAM,
        "Seconds from when a job was due until a decoder began it. The delay before a retry does not count.",
        ("size_class", "priority"),
        tuple((size, priority) for size in SIZES.values() for priority in PRIORITIES),
        QUEUE_BUCKETS,
        is_sparse=True,
    ),
    Family(
        PROCESSING,
        HISTOGRAM,
        "Seconds of each stage of a job that a decoder did, by the format of its original.",
        ("stage", "format"),
        tuple((stage, format) for stage in STAGES for format in FORMATS),
        PROCESSING_BUCKETS,
        is_sparse=True,
    ),
    Family(
        CACHE,
        COUNTER,
        "Jobs that are done, by whether the result cache had their renditions.",
        ("outcome",),
        _series((HIT, MISS)),
    ),
    Family(
        DELIVERIES,
        COUNTER,
        "Attempts to tell a receiver, by outcome.",
        ("outcome",),
        _series((DELIVERED, RETRIED, GIVEN_UP)),
    ),
    Family(
        FETCHES,
        COUNTER,
        "Attempts to fetch an original, by outcome.",
        ("outcome",),
        _series((FETCHED, RETRIED, GIVEN_UP)),
    ),
)
LAYOUT = Layout([*OF_LOOP, *OF_CORE])
LOOP_SIZE = Layout(OF_LOOP).size
"""The cells of OF_LOOP are the first ones."""
