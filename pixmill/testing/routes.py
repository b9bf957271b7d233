"""The stand-in's routes: what each does to its jobs, and what it answers. Owns no job."""

import json
import re
from collections import Counter
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from typing import Any

import httpx2

from pixmill import grants
from pixmill.testing import rules
from pixmill.testing.asked import IN_QUERY, Asked
from pixmill.testing.grants import SECRET, UPLOAD, VIEW
from pixmill.testing.history import history
from pixmill.testing.jobs import BASE, ENDED, FORMATS, STATES, FakeJob, Jobs
from pixmill.testing.messages import Refusal, as_json, event
from pixmill.testing.uploads import derive, upload

HOUR = timedelta(hours=1)
TENANT = re.compile(r"[A-Za-z0-9][A-Za-z0-9._@-]{0,63}", re.ASCII)
TEXTS = ("state", "code", "reference", "preset")
TIMES = ("accepted_after", "accepted_before")
FILTERS = (*TEXTS, *TIMES)
TOLD = ("state", "job", "type", "since")


def show(asked: Asked) -> httpx2.Response:
    """GET /jobs/{job}. It does not hold the answer, so it says when to ask again."""
    asked.known("wait")
    job = asked.job
    return as_json(job.shown(by_grant=asked.shown), 200, {} if job.state in ENDED else {"Retry-After": "15"})


def _opened(data: dict[str, Any], text: str | None) -> dict[str, Any]:
    """An event's data for a reader who looks at its job by a grant: they can fetch the rendition."""
    if text is None or "rendition" not in data:
        return data
    made = data["rendition"]
    return {**data, "rendition": {**made, "url": f"{made['url']}?{IN_QUERY}={text}"}}


def open_batch(asked: Asked) -> httpx2.Response:
    """POST /batches. Its receiver is told of nothing."""
    values = asked.body()
    for name in values:
        if name != "webhook_url":
            raise Refusal("bad_parameter", f"there is no key {name!r}", parameter=name)
    key, content = asked.request.headers.get("Idempotency-Key"), json.dumps(values)
    before, made = asked.jobs.batch_keys.get(key or "", (content, ""))
    if before != content:
        raise Refusal("idempotency_key_reused", "this Idempotency-Key was used for other content")
    made = made or asked.jobs.open_batch()
    if key is not None:
        asked.jobs.batch_keys[key] = content, made
    return as_json({"id": made, "status_url": f"{BASE}/batches/{made}"}, 201)


def close_batch(asked: Asked) -> httpx2.Response:
    """POST /batches/{batch}/close."""
    asked.jobs.close_batch(asked.parts[0])
    return batch(asked, 202)


def batch(asked: Asked, status: int = 200) -> httpx2.Response:
    """GET /batches/{batch}."""
    jobs = asked.jobs.batch(asked.parts[0])
    ended, counts = sum(job.state in ENDED for job in jobs), Counter(job.state for job in jobs)
    view = {
        "id": asked.parts[0],
        "open": asked.jobs.opened.get(asked.parts[0], False),
        "total": len(jobs),
        "ended": ended,
        "counts": counts,
    }
    events_url = f"{BASE}/batches/{asked.parts[0]}/events" if jobs else None
    view |= {"events_url": events_url, "jobs": [job.shown(listed=True) for job in jobs]}
    return as_json(view, status)


def listed(asked: Asked) -> httpx2.Response:
    """GET /jobs."""
    asked.known(*FILTERS, "tenant", "limit", "after")
    jobs, params = sorted(_matching(asked), key=lambda job: -job.number), asked.request.url.params
    limit, after = int(params.get("limit", "50")), params.get("after", "0")
    before = int(after) if after.isdecimal() else asked.jobs.found(after).number
    found = [job for job in jobs if not before or job.number < before]
    if "application/x-ndjson" in asked.request.headers.get("Accept", ""):
        lines = [json.dumps(job.shown(listed=True)) + "\n" for job in found[: int(params.get("limit", len(found)))]]
        return httpx2.Response(200, headers={"Content-Type": "application/x-ndjson"}, text="".join(lines))
    following = str(found[limit - 1].number) if len(found) > limit else None
    return as_json({"jobs": [job.shown(listed=True) for job in found[:limit]], "next": following})


def _matching(asked: Asked) -> list[FakeJob]:
    params = asked.request.url.params
    where = {name: value for name, value in params.items() if name in TEXTS}
    if where.get("state", "done") not in STATES:
        raise Refusal("bad_parameter", f"state is one of {', '.join(STATES)}", parameter="state")
    after, before = (_time(name, params[name]) if name in params else None for name in TIMES)
    shown = [(job, {**job.shown(), "code": (job.error or {}).get("code")}) for job in asked.jobs.by_id.values()]
    if params.get("tenant"):  # the stand-in has no keys, and its jobs no tenant
        return []
    return [
        job
        for job, view in shown
        if all(view[name] == value for name, value in where.items())
        and (after is None or datetime.fromisoformat(job.accepted_at) >= after)
        and (before is None or datetime.fromisoformat(job.accepted_at) < before)
    ]


def _time(name: str, value: str) -> datetime:
    try:
        at = datetime.fromisoformat(value)
    except ValueError:
        at = None
    if at is None or at.tzinfo is None:
        raise Refusal("bad_parameter", f"{name} is a time with its zone", parameter=name)
    return at


def cancel_or_purge(asked: Asked) -> httpx2.Response:
    """DELETE /jobs/{job}."""
    job = asked.job
    if asked.flag("purge"):
        asked.jobs.purge(job)
        asked.jobs.acted("purge", {"job": job.id})
        return httpx2.Response(204)
    if job.state == "cancelled":
        return as_json(job.shown())
    asked.jobs.cancel(job)
    asked.jobs.acted("cancel", {"job": job.id})
    return as_json(job.shown(), 202)


def requeue(asked: Asked) -> httpx2.Response:
    """POST /jobs/{job}/requeue."""
    asked.jobs.requeue(asked.job)
    asked.jobs.acted("requeue", {"job": asked.job.id})
    return as_json(asked.job.shown(), 202)


def over_all(change: Callable[[Asked, FakeJob], None]) -> Callable[[Asked], httpx2.Response]:
    """A command over many jobs."""

    def run(asked: Asked) -> httpx2.Response:
        asked.known(*FILTERS, "tenant", "purge", "dry_run", "all")
        if not any(asked.request.url.params.get(name) for name in (*FILTERS, "all", "dry_run")):
            raise Refusal("bad_parameter", "this changes all jobs: confirm with all=1, or filter", parameter="all")
        matching, changed = _matching(asked), 0
        for job in [] if asked.flag("dry_run") else matching:
            try:
                change(asked, job)
                changed += 1
            except Refusal:
                continue
        if not asked.flag("dry_run"):
            verb = "requeue" if change is _requeue else "purge" if asked.flag("purge") else "cancel"
            asked.jobs.acted(verb, _named(asked, (*FILTERS, "tenant")), changed)
        return as_json({"matched": len(matching), "changed": changed})

    return run


def _named(asked: Asked, filters: tuple[str, ...]) -> dict[str, str]:
    """The filters that are set."""
    return {name: value for name, value in asked.request.url.params.items() if name in filters}


def _delete(asked: Asked, job: FakeJob) -> None:
    (asked.jobs.purge if asked.flag("purge") else asked.jobs.cancel)(job)


def _requeue(asked: Asked, job: FakeJob) -> None:
    asked.jobs.requeue(job)


def rendition(asked: Asked) -> httpx2.Response:
    """GET /jobs/{job}/renditions/{name}. A name without its format gives the first that there is."""
    pictures, name, headers = asked.job.pictures, asked.parts[1], {"Content-Type": "image/png"}
    if name not in pictures:
        headers["Vary"] = "Accept"
        able = [each for each in pictures if each.rpartition("-")[0] == name and each.rpartition("-")[2] in FORMATS]
        if not able:
            raise Refusal("not_found", f"there is no rendition {name}")
        name = able[0]
    return httpx2.Response(200, headers=headers, content=pictures[name])


def original(asked: Asked) -> httpx2.Response:
    """GET /jobs/{job}/original."""
    return httpx2.Response(200, content=asked.job.data)


def events(asked: Asked) -> httpx2.Response:
    """GET /events: what there is to tell now. The stream ends then; a client opens it again."""
    asked.known("job")
    params = asked.request.url.params
    by_grant = {str(asked.grants.opened(text).terms.get("job")): text for text in params.get_list(IN_QUERY)}
    wanted = list(by_grant) or params.get_list("job")
    last = int(asked.request.headers.get("Last-Event-ID", "0" if wanted else str(len(asked.jobs.changes))))
    if wanted and not any(job in asked.jobs.by_id for job in wanted):
        raise Refusal("not_found", f"there is no job {wanted[0]}")
    told = [] if wanted else [event("beat", _numbers(asked.jobs), len(asked.jobs.changes))]
    for name, data in asked.jobs.changes:
        if data["change"] > last and (not wanted or data["id"] in wanted):
            told.append(event(name, _opened(data, by_grant.get(data["id"])), data["change"]))
    missing = [job for job in wanted if job not in asked.jobs.by_id]
    told += [event("job", {"id": job, "removed": True}, len(asked.jobs.changes)) for job in missing]
    return httpx2.Response(200, headers={"Content-Type": "text/event-stream"}, content=b"".join(told))


def grant(asked: Asked) -> httpx2.Response:
    """POST /grants."""
    values = asked.body()
    job, ends = values.pop("job", None), values.pop("expires_at", None)
    end = datetime.now(UTC) + HOUR if ends is None else datetime.fromisoformat(ends)
    if end <= datetime.now(UTC):
        raise Refusal("bad_parameter", f"expires_at is a future time, not {ends!r}", parameter="expires_at")
    if job is None:
        rules.from_values({"preset": values.get("preset", "default")}, asked.recipes)
        text = _upload_grant(values, end.timestamp())
    else:
        text = grants.view_grant(SECRET, asked.jobs.found(str(job)).id, expires_at=end.timestamp())
    return as_json({"grant": text, **asked.grants.opened(text).terms, "expires_at": end.isoformat()}, 201)


def _upload_grant(terms: dict[str, Any], expires_at: float) -> str:
    try:
        return grants.grant(SECRET, **terms, expires_at=expires_at)
    except ValueError as error:
        named = next((name for name in terms if name in str(error)), None)
        raise Refusal("bad_parameter", str(error), parameter=named) from None


def deliveries(asked: Asked) -> httpx2.Response:
    """GET /deliveries: all on one page."""
    asked.known(*TOLD, "limit", "after")
    return as_json({"deliveries": _told(asked)[::-1], "next": None})


def replay(asked: Asked) -> httpx2.Response:
    """POST /deliveries/{delivery}/replay. It waits already."""
    for each in [each for job in asked.jobs.by_id.values() for each in job.deliveries]:
        if each["id"] == asked.parts[0]:
            asked.jobs.acted("replay", {"delivery": each["id"]})
            return as_json(each, 202)
    raise Refusal("not_found", f"there is no delivery {asked.parts[0]}")


def replay_all(asked: Asked) -> httpx2.Response:
    """POST /deliveries/replay."""
    asked.known(*TOLD, "dry_run", "all")
    if not any(asked.request.url.params.get(name) for name in (*TOLD, "all", "dry_run")):
        raise Refusal("bad_parameter", "this replays all: confirm with all=1, or filter", parameter="all")
    found = _told(asked)
    if asked.flag("dry_run"):
        return as_json({"matched": len(found), "changed": 0})
    asked.jobs.acted("replay", _named(asked, TOLD), len(found))
    return as_json({"matched": len(found), "changed": len(found)})


def _told(asked: Asked) -> list[dict[str, Any]]:
    params = asked.request.url.params
    found = [each for job in asked.jobs.by_id.values() for each in job.deliveries]
    wanted = {name: params[name] for name in TOLD if name in params and name != "since"}
    since = params.get("since", "")
    return [each for each in found if each["created_at"] >= since and all(each[k] == v for k, v in wanted.items())]


def presets(asked: Asked) -> httpx2.Response:
    """GET /presets."""
    return as_json({"presets": {name: rules.as_dict(recipe) for name, recipe in asked.recipes.presets.items()}})


def stats(asked: Asked) -> httpx2.Response:
    """GET /stats."""
    return as_json(_numbers(asked.jobs))


def _numbers(jobs: Jobs) -> dict[str, Any]:
    counts = {state: sum(job.state == state for job in jobs.by_id.values()) for state in STATES}
    queue = {
        "depth": counts["queued"],
        "oldest_seconds": None,
        "wait_seconds": 0.0,
        "paused": jobs.paused,
        "paused_tenants": sorted(jobs.paused_tenants),
    }
    rates = {"accepted_per_minute": 0.0, "ended_per_minute": 0.0}
    empty = {"workers": [], "workers_wanted": 0, "sweeps": None, "deliveries": None}
    return {"queue": queue, "jobs": counts, **empty, "rates": rates}


def paused(value: bool) -> Callable[[Asked], httpx2.Response]:
    """POST /queue/pause or /queue/resume."""

    def run(asked: Asked) -> httpx2.Response:
        asked.known("tenant")
        tenant = asked.request.url.params.get("tenant")
        if tenant is not None and not TENANT.fullmatch(tenant):
            raise Refusal(
                "bad_parameter",
                f"a tenant's name has 1 to 64 letters, digits and ._@-, not {tenant[:100]!r}",
                parameter="tenant",
            )
        changed = asked.jobs.pause(value, tenant)
        asked.jobs.acted("pause" if value else "resume", {} if tenant is None else {"tenant": tenant}, int(changed))
        return as_json({"paused": value} if tenant is None else {"paused": value, "tenant": tenant})

    return run


def actions(asked: Asked) -> httpx2.Response:
    """GET /actions."""
    asked.known("limit", "after")
    params = asked.request.url.params
    limit, after = int(params.get("limit", "50")), params.get("after")
    found = [each for each in asked.jobs.actions[::-1] if after is None or each["id"] < after]
    following = found[limit - 1]["id"] if len(found) > limit else None
    return as_json({"actions": found[:limit], "next": following})


def job_log(asked: Asked) -> httpx2.Response:
    """GET /jobs/{job}/logs: there is no file of a log."""
    raise Refusal("not_found", "this server has no file of its log: PIXMILL_LOG_PATH names one")


def audit(asked: Asked) -> httpx2.Response:
    """POST /receipts/audit."""
    return as_json([asked.jobs.verdict(str(receipt)) for receipt in asked.body()])


def explain(asked: Asked) -> httpx2.Response:
    """POST /recipes/explain: names only, since it decodes nothing."""
    params, data = dict(asked.request.url.params), asked.request.read()
    request = rules.from_texts(params, asked.recipes)
    rules.judge_files([("", data)])
    head = {"format": rules.format_of(data), "bytes": len(data)}
    recipe = rules.as_dict(request.recipe)
    return as_json({"original": head, "preset": request.preset, "recipe": recipe, "plan": {"renditions": []}})


_JOB = r"/jobs/([^/]+)"
ROUTES: list[tuple[str, str, Callable[[Asked], httpx2.Response], str]] = [
    ("POST", "/upload", upload, UPLOAD),
    ("POST", "/jobs", derive, ""),
    ("GET", "/jobs", listed, ""),
    ("DELETE", "/jobs", over_all(_delete), ""),
    ("POST", "/jobs/requeue", over_all(_requeue), ""),
    ("GET", _JOB, show, VIEW),
    ("DELETE", _JOB, cancel_or_purge, ""),
    ("POST", _JOB + "/requeue", requeue, ""),
    ("GET", _JOB + "/logs", job_log, ""),
    ("GET", _JOB + "/original", original, ""),
    ("GET", _JOB + "/renditions/([^/]+)", rendition, VIEW),
    ("GET", "/events", events, VIEW),
    ("POST", "/batches", open_batch, ""),
    ("POST", "/batches/([^/]+)/close", close_batch, ""),
    ("GET", "/batches/([^/]+)", batch, ""),
    ("POST", "/grants", grant, ""),
    ("GET", "/deliveries", deliveries, ""),
    ("POST", "/deliveries/replay", replay_all, ""),
    ("POST", "/deliveries/([^/]+)/replay", replay, ""),
    ("GET", "/presets", presets, ""),
    ("GET", "/stats", stats, ""),
    ("GET", "/stats/history", history, ""),
    ("POST", "/queue/pause", paused(True), ""),
    ("POST", "/queue/resume", paused(False), ""),
    ("GET", "/actions", actions, ""),
    ("POST", "/receipts/audit", audit, ""),
    ("POST", "/recipes/explain", explain, ""),
]
"""Method, path, handler, and the kind of grant that opens it."""
