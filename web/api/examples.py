"""Examples of bodies and answers: the structs themselves with plausible values, so that they stay true."""

from typing import Any

import msgspec

from web.views.fields import moment
from web.views.numbers import HeldJob, Queue, Rates, Stats, Worker
from web.views.replies import Changed
from web.views.shapes import BatchLink, Box, Cost, Job, OpenedBatch, Original, PromisedJob, PromiseOfOne, Rendition

_BASE = "https://pix.example"
_JOB, _BATCH = "01m8mjpfqmq6v3hp4xyv9jn1kj", "01m8mjpc1x0v6rqk3f7dn2w5zt"
_AT = 1_796_032_845.0
_HERE = f"{_BASE}/jobs/{_JOB}"
_DIGEST = "9f86d081884c7d659a2feaa0c55ad015a3bf4f1b2b0b822cd15d6c15b0f00a08"

_promised = PromisedJob(
    id=_JOB, state="queued", filename="holiday.jpg", status_url=_HERE, events_url=f"{_HERE}/events",
    url=f"{_HERE}/original", receipt="r1.eyJqb2IiOiIwMW04In0.c2lnbmF0dXJl",
)  # fmt: skip
_promise = PromiseOfOne(
    **msgspec.structs.asdict(_promised),
    jobs=[_promised],
    batch=BatchLink(_JOB, f"{_BASE}/batches/{_JOB}", f"{_BASE}/batches/{_JOB}/events"),
    ignored=[],
)
_thumb = Rendition(
    name="thumb", width=320, height=240, format="webp", bytes=9_811, digest=_DIGEST, quality=80,
    box=Box(0, 0, 4000, 3000), unmet=(),
    url=f"{_HERE}/renditions/thumb",
)  # fmt: skip
_job = Job(
    id=_JOB, state="done", filename="holiday.jpg", reference="order 1038", metadata={"user": 7}, preset="default",
    priority="normal", attempts=1, cached=False, error=None,
    original=Original(
        format="jpeg", width=4000, height=3000, upright_width=4000, upright_height=3000, bytes=3_481_002,
        digest=_DIGEST, url=f"{_HERE}/original", info=None,
    ),
    source_url=None, renditions=[_thumb], dominant_colour="#8a7f66", placeholder=None,
    cost=Cost(141.0, 98_304_000),
    queue_position=None, eta_seconds=None, batch=_JOB, accepted_at=moment(_AT), ended_at=moment(_AT + 0.42),
    expires_at=None, change=118, trace=None, status_url=_HERE, events_url=f"{_HERE}/events",
)  # fmt: skip
_stats = Stats(
    queue=Queue(3, 0.8, 0.5, False, ()), jobs={"queued": 3, "running": 1, "done": 1_204},
    workers=[Worker("host-1", "w7f3", "images", "busy", 2, [HeldJob(_JOB, 0.2)], moment(_AT), None)], workers_wanted=1,
    sweeps=None, deliveries=None, rates=Rates(12.0, 11.5),
)  # fmt: skip


def _plain(value: Any) -> Any:
    return msgspec.json.decode(msgspec.json.encode(value))


ANSWERS = {
    ("upload", 202): _plain(_promise),
    ("make_jobs", 202): _plain(_promise),
    ("get_job", 200): _plain(_job),
    ("list_jobs", 200): {"jobs": [_plain(_job)], "next": None},
    ("open_batch", 201): _plain(OpenedBatch(_BATCH, f"{_BASE}/batches/{_BATCH}")),
    ("cancel_jobs", 200): _plain(Changed(12, 12)),
    ("get_stats", 200): _plain(_stats),
}
"""By operation and status."""
BODIES: dict[str, dict[str, Any]] = {
    "make_jobs": {
        "another preset": {"original": _JOB, "preset": "default"},
        "a recipe for several": {"originals": [_JOB], "recipe": {"renditions": [{"name": "wide", "width": 1600}]}},
    },
    "open_batch": {"without a receiver": {}},
    "make_grant": {"to upload": {"preset": "default", "count": 3}, "to view a job": {"job": _JOB}},
    "audit_receipts": {"one": [_promised.receipt]},
}
"""By operation, bodies of requests in JSON."""
