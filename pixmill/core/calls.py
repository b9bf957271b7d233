"""Each method of a client as a procedure: the request, and what its answer is read as. Owns every path of the API.

Knows nothing of connections and clocks: a shell runs the procedures (pixmill/core/requests.py).
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from math import inf
from typing import Any, TypeVar
from urllib.parse import quote

from pixmill.core.answers import (
    ActionPage,
    Batch,
    BatchUpload,
    Changed,
    Delivery,
    DeliveryPage,
    Grant,
    History,
    Job,
    JobLog,
    OpenedBatch,
    Page,
    Stats,
    Upload,
    ViewGrant,
)
from pixmill.core.errors import NotFound
from pixmill.core.fields import Filters, Recipe, Told, explaining, filters, form, told, traced, values
from pixmill.core.named import Named, named
from pixmill.core.reading import Answer, Unread, read
from pixmill.core.requests import Pause, Procedure, Request, Sink, Source
from pixmill.core.retries import BackOff, retry_after
from pixmill.core.trying import Answered, not_pixmill, sent

AUDIT_RECEIPTS = 1000
"""Of one request of `audit`: what the server takes."""
PAGE_JOBS = 500
WAIT_SECONDS = 15
"""The server holds one request of `wait` at most this long. Also the longest pause after one that it does not hold."""
A = TypeVar("A", bound=Answer)


@dataclass(frozen=True, slots=True)
class Calls:
    """The procedures of the server at `url`."""

    url: str

    def upload(
        self, source: Source, key: str, fields: Mapping[str, Any], wait: float | None
    ) -> Procedure[Upload | Job]:
        """POST /upload under this Idempotency-Key. With `wait`: the job after at most so many seconds."""
        return (yield from self._promised(_upload([source], key, fields, wait), wait))

    def upload_batch(self, sources: Sequence[Source], key: str, fields: Mapping[str, Any]) -> Procedure[BatchUpload]:
        """POST /upload of many images under this Idempotency-Key: all of them or none."""
        return self._read(BatchUpload, (yield from sent(_upload(sources, key, fields, None), self.url)))

    def open_batch(self, webhook_url: str | None, key: str) -> Procedure[OpenedBatch]:
        """POST /batches under this Idempotency-Key: a repeat opens no other one."""
        body = values({"webhook_url": webhook_url})
        request = Request("POST", "/batches", headers=_keyed(key, None, {}), json=body)
        return self._read(OpenedBatch, (yield from sent(request, self.url)))

    def close_batch(self, batch: str) -> Procedure[Batch]:
        """POST /batches/{batch}/close."""
        return self._read(Batch, (yield from sent(Request("POST", f"/batches/{_part(batch)}/close"), self.url)))

    def derive_batch(self, originals: Sequence[str], key: str, fields: Mapping[str, Any]) -> Procedure[BatchUpload]:
        """POST /jobs: another recipe on the originals of many jobs, of all of them or none."""
        body = {"originals": list(originals), **values(fields)}
        request = Request("POST", "/jobs", headers=_keyed(key, None, fields), json=body)
        return self._read(BatchUpload, (yield from sent(request, self.url)))

    def derive(self, original: str, key: str, fields: Mapping[str, Any], wait: float | None) -> Procedure[Upload | Job]:
        """POST /jobs: another recipe on the original of a job."""
        body = {"original": original, **values(fields)}
        request = Request("POST", "/jobs", headers=_keyed(key, wait, fields), json=body)
        return (yield from self._promised(request, wait))

    def fetch(self, url: str, key: str, fields: Mapping[str, Any], wait: float | None) -> Procedure[Upload | Job]:
        """POST /jobs: a job whose original the server fetches from an address."""
        body = {"source_url": url, **values(fields)}
        request = Request("POST", "/jobs", headers=_keyed(key, wait, fields), json=body)
        return (yield from self._promised(request, wait))

    def _promised(self, request: Request, wait: float | None) -> Procedure[Upload | Job]:
        answered = yield from sent(request, self.url)
        if answered.response.status == 200:
            return self._read(Job, answered)
        promised = self._read(Upload, answered)
        if wait is None:
            return promised
        return (yield from self.wait(named(promised), answered.sent_at + wait - answered.now))

    def job(self, job: str, wait: float | None) -> Procedure[Job]:
        """GET /jobs/{job}."""
        found, _ = yield from self._job(Named(job), wait)
        return found

    def _job(self, job: Named, wait: float | None) -> Procedure[tuple[Job, Answered]]:
        query = (("wait", f"{wait:g}"),) if wait and wait > 0 else ()
        answered = yield from sent(Request("GET", f"/jobs/{_part(job.id)}", query + job.opened), self.url)
        return self._read(Job, answered), answered

    def wait(self, job: Named, seconds: float | None) -> Procedure[Job]:
        """The job once it has ended, or as it is after so many seconds. The server holds each request until then, at
        most for WAIT_SECONDS. If it answers sooner, a pause follows, as long as the answer's Retry-After says."""
        back_off, left, until = BackOff(), inf if seconds is None else seconds, inf
        while True:
            found, answered = yield from self._job(job, min(left, WAIT_SECONDS))
            until = min(until, answered.sent_at + left)
            left = until - answered.now
            if found.ended or left <= 0:
                return found
            asked = min(WAIT_SECONDS, back_off.pause(retry_after(answered.headers, answered.wall)))
            pause = min(left, answered.sent_at + asked - answered.now)
            if pause > 0:
                yield Pause(pause)
                left -= pause

    def batch(self, batch: str) -> Procedure[Batch]:
        """GET /batches/{batch}."""
        found, _ = yield from self._batch(batch)
        return found

    def _batch(self, batch: str) -> Procedure[tuple[Batch, Answered]]:
        answered = yield from sent(Request("GET", f"/batches/{_part(batch)}"), self.url)
        return self._read(Batch, answered), answered

    def wait_batch(self, batch: str, seconds: float | None) -> Procedure[Batch]:
        """The batch once all its jobs have ended and it is not open, or as it is after so many seconds. The server
        holds no answer for a batch, so this waits for its last job that has not ended, and then for those that are
        left. While an open batch has none of these, it looks again after pauses."""
        until, back_off = inf if seconds is None else None, BackOff()
        while True:
            found, answered = yield from self._batch(batch)
            until = answered.sent_at + (seconds or 0.0) if until is None else until
            left = until - answered.now
            waiting = [job for job in found.jobs if not job.ended]
            if left <= 0 or not (waiting or found.open):
                return found
            if not waiting:
                yield Pause(min(left, back_off.pause(0.0)))
                continue
            try:
                yield from self.wait(Named(waiting[-1].id), None if left == inf else left)
            except NotFound:  # it was purged: the batch is without it now
                yield Pause(back_off.pause(0.0))

    def page(self, asked: Filters, after: str | None) -> Procedure[Page]:
        """GET /jobs, from where an earlier page ended."""
        query = filters(asked, limit=str(PAGE_JOBS), after=after)
        return self._read(Page, (yield from sent(Request("GET", "/jobs", query), self.url)))

    def cancel(self, job: str) -> Procedure[Job]:
        """DELETE /jobs/{job}."""
        return self._read(Job, (yield from sent(Request("DELETE", f"/jobs/{_part(job)}"), self.url)))

    def requeue(self, job: str) -> Procedure[Job]:
        """POST /jobs/{job}/requeue. If an earlier try did it, the job as it is now."""
        request = Request("POST", f"/jobs/{_part(job)}/requeue")
        answered = yield from sent(request, self.url, done_before="not_requeueable")
        if answered.response.good:
            return self._read(Job, answered)
        return (yield from self.job(job, None))

    def purge(self, job: str) -> Procedure[None]:
        """DELETE /jobs/{job}?purge=1. If an earlier try did it, that is as good."""
        request = Request("DELETE", f"/jobs/{_part(job)}", (("purge", "1"),))
        yield from sent(request, self.url, done_before="not_found")

    def grant(self, terms: Mapping[str, Any], expires_at: float | None) -> Procedure[Grant]:
        """POST /grants, to upload."""
        return self._read(Grant, (yield from sent(_granting(terms, expires_at), self.url)))

    def view_grant(self, job: str, expires_at: float | None) -> Procedure[ViewGrant]:
        """POST /grants, to look at one job."""
        return self._read(ViewGrant, (yield from sent(_granting({"job": job}, expires_at), self.url)))

    def over_all(self, verb: str, asked: Filters, everything: bool, dry_run: bool) -> Procedure[Changed]:
        """`cancel`, `purge` or `requeue` of all jobs that match."""
        method, path = ("POST", "/jobs/requeue") if verb == "requeue" else ("DELETE", "/jobs")
        flags = {"purge": verb == "purge", "all": everything, "dry_run": dry_run}
        query = filters(asked, **{name: "1" for name, on in flags.items() if on})
        return self._read(Changed, (yield from sent(Request(method, path, query), self.url)))

    def delivery_page(self, asked: Told, after: str | None) -> Procedure[DeliveryPage]:
        """GET /deliveries, from where an earlier page ended."""
        query = told(asked, limit=str(PAGE_JOBS), after=after)
        return self._read(DeliveryPage, (yield from sent(Request("GET", "/deliveries", query), self.url)))

    def replay(self, delivery: str) -> Procedure[Delivery]:
        """POST /deliveries/{delivery}/replay."""
        request = Request("POST", f"/deliveries/{_part(delivery)}/replay")
        return self._read(Delivery, (yield from sent(request, self.url)))

    def replay_all(self, asked: Told, everything: bool, dry_run: bool) -> Procedure[Changed]:
        """POST /deliveries/replay."""
        flags = {"all": everything, "dry_run": dry_run}
        query = told(asked, **{name: "1" for name, on in flags.items() if on})
        return self._read(Changed, (yield from sent(Request("POST", "/deliveries/replay", query), self.url)))

    def action_page(self, after: str | None) -> Procedure[ActionPage]:
        """GET /actions, from where an earlier page ended."""
        query = filters({}, limit=str(PAGE_JOBS), after=after)
        return self._read(ActionPage, (yield from sent(Request("GET", "/actions", query), self.url)))

    def job_log(self, job: str) -> Procedure[JobLog]:
        """GET /jobs/{job}/logs."""
        return self._read(JobLog, (yield from sent(Request("GET", f"/jobs/{_part(job)}/logs"), self.url)))

    def presets(self) -> Procedure[dict[str, Any]]:
        """GET /presets: the recipe of each preset."""
        answered = yield from sent(Request("GET", "/presets"), self.url)
        return dict(self._member(answered, "presets", dict))

    def stats(self) -> Procedure[Stats]:
        """GET /stats."""
        return self._read(Stats, (yield from sent(Request("GET", "/stats"), self.url)))

    def history(self, hours: int) -> Procedure[History]:
        """GET /stats/history."""
        request = Request("GET", "/stats/history", (("hours", str(hours)),))
        return self._read(History, (yield from sent(request, self.url)))

    def paused(self, paused: bool, tenant: str | None = None) -> Procedure[bool]:
        """POST /queue/pause or /queue/resume: whether the queue, or that of the tenant, is paused now."""
        query = () if tenant is None else (("tenant", tenant),)
        request = Request("POST", f"/queue/{'pause' if paused else 'resume'}", query)
        return bool(self._member((yield from sent(request, self.url)), "paused", bool))

    def explain(
        self, source: Source, preset: str | None, recipe: Recipe | None, focus: tuple[float, float] | None
    ) -> Procedure[dict[str, Any]]:
        """POST /recipes/explain."""
        request = Request("POST", "/recipes/explain", explaining(preset, recipe, focus), sources=[source])
        answered = yield from sent(request, self.url)
        self._member(answered, "plan", dict)
        return dict(answered.response.parsed)

    def audit(self, receipts: Sequence[str]) -> Procedure[list[str]]:
        """POST /receipts/audit, in parts."""
        verdicts: list[str] = []
        for start in range(0, len(receipts), AUDIT_RECEIPTS):
            part = list(receipts[start : start + AUDIT_RECEIPTS])
            answered = yield from sent(Request("POST", "/receipts/audit", json=part), self.url)
            found = answered.response.parsed
            if not isinstance(found, list) or len(found) != len(part):
                raise not_pixmill(answered.response, self.url)
            verdicts += map(str, found)
        return verdicts

    def download(self, url: str, into: Sink) -> Procedure[None]:
        """GET of a rendition's or original's address, into a sink."""
        answered = yield from sent(Request("GET", url, into=into), self.url)
        if answered.response.status != 200:
            raise not_pixmill(answered.response, url)

    def _read(self, kind: type[A], answered: Answered) -> A:
        try:
            return read(kind, answered.response.parsed)
        except Unread:
            raise not_pixmill(answered.response, self.url) from None

    def _member(self, answered: Answered, name: str, kind: type) -> Any:
        parsed = answered.response.parsed
        if not isinstance(parsed, dict) or not isinstance(parsed.get(name), kind):
            raise not_pixmill(answered.response, self.url)
        return parsed[name]


def _upload(sources: Sequence[Source], key: str, fields: Mapping[str, Any], wait: float | None) -> Request:
    headers = _keyed(key, wait, fields)
    return Request("POST", "/upload", headers=headers, form=form(fields), sources=sources, is_form=True)


def _granting(terms: Mapping[str, Any], expires_at: float | None) -> Request:
    """`expires_at` is wall time in seconds."""
    end = None if expires_at is None else datetime.fromtimestamp(expires_at, UTC).isoformat()
    return Request("POST", "/grants", json=values({**terms, "expires_at": end}))


def _keyed(key: str, wait: float | None, fields: Mapping[str, Any]) -> dict[str, str]:
    """The headers of an upload with these fields."""
    prefer = {} if wait is None else {"Prefer": f"wait={min(wait, WAIT_SECONDS):g}"}
    return {"Idempotency-Key": key, **prefer, **traced(fields)}


def _part(text: str) -> str:
    """A text as one part of a path."""
    return quote(text, safe="")
