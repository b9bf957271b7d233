"""The stand-in's last hours. Its clock stands still, so all its jobs came in one interval, and took no time."""

from collections import Counter

import httpx2

from pixmill.testing.asked import Asked
from pixmill.testing.jobs import ENDED
from pixmill.testing.messages import Refusal, as_json

HOURS_MAX = 24


def history(asked: Asked) -> httpx2.Response:
    """GET /stats/history."""
    asked.known("hours")
    value = asked.request.url.params.get("hours", str(HOURS_MAX))
    if not value.isdecimal() or not 1 <= int(value) <= HOURS_MAX:
        raise Refusal("bad_parameter", f"hours is 1 to {HOURS_MAX}, not {value!r}", parameter="hours")
    jobs = list(asked.jobs.by_id.values())
    states = Counter(job.state for job in jobs if job.state in ENDED)
    codes = Counter(job.error["code"] for job in jobs if job.error)
    none = {"mean": None, "p95": None}
    interval = {
        "at": "2025-01-01T00:00:00.000Z", "counted_seconds": 300.0, "accepted": len(jobs), "ended": states,
        "codes": codes, "queued_max": 0, "oldest_seconds": 0.0, "workers_min": 1, "workers_max": 1,
        "wait_seconds": none, "run_seconds": none, "slowest": [],
    }  # fmt: skip
    most = [{"code": code, "count": count} for code, count in codes.most_common()]
    return as_json({"step_seconds": 300, "intervals": [interval], "hour": {"codes": most, "slowest": []}})
