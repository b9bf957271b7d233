"""The stand-in's routes that make jobs: what is refused, and which job a repeated key gets. Owns no job."""

import json
import re
import time
from typing import Any

import httpx2

from pixmill.grants import view_grant
from pixmill.testing import rules
from pixmill.testing.asked import Asked
from pixmill.testing.grants import SECRET
from pixmill.testing.jobs import BASE, ENDED, FakeJob
from pixmill.testing.messages import Refusal, as_json, read_form

_TRACEPARENT = re.compile(r"00-(?!0{32})([0-9a-f]{32})-(?!0{16})[0-9a-f]{16}-[0-9a-f]{2}")
_JSON = ("recipe", "focus", "metadata")
VIEW_SECONDS = 3600
"""For so long a job can be looked at that was uploaded under a grant."""


def upload(asked: Asked) -> httpx2.Response:
    """POST /upload: all files of a form, or none."""
    body, grant = asked.request.read(), asked.grant
    limit, most = ("bytes_max", grant.terms["bytes_max"]) if grant else ("upload_bytes_max", rules.UPLOAD_BYTES_MAX)
    key = rules.checked_key(asked.request.headers.get("Idempotency-Key"))
    rules.judge_body(len(body), limit, most)
    form = read_form(asked.request.headers.get("Content-Type", ""), body)
    rules.judge_files(form.files, limit, most)
    if not form.files:
        raise Refusal("no_image", "no part of the form has a file name: send the image as `image`")
    texts = rules.granted(form.fields, grant.decided if grant else None)
    request = rules.from_texts(texts, asked.recipes)
    values = {name: rules.read_json(text, name) if name in _JSON else text for name, text in texts.items()}
    return _submitted(asked, form.files, values, request, key)


def derive(asked: Asked) -> httpx2.Response:
    """POST /jobs."""
    values = asked.body()
    if unknown := sorted(set(values) - rules.FIELDS - {rules.ONE, rules.MANY, "source_url"}):
        raise rules.bad_parameter(unknown[0], f"there is no key {unknown[0]!r}")
    if "source_url" in values:
        if rules.ONE in values or rules.MANY in values:
            raise Refusal("bad_parameter", "give an original or a source_url, not both", parameter="source_url")
        raise Refusal("source_refused", "this address is not below a prefix of PIXMILL_SOURCES")
    found = [asked.jobs.found(each) for each in rules.named_originals(values)]
    many = values.pop(rules.MANY, None) is not None
    values.pop(rules.ONE, None)
    request = rules.from_values(values, asked.recipes)
    key = rules.checked_key(asked.request.headers.get("Idempotency-Key"))
    return _submitted(asked, [(each.filename, each.data) for each in found], values, request, key, is_batch=many)


def _submitted(
    asked: Asked,
    files: list[tuple[str, bytes]],
    values: dict[str, Any],
    request: rules.UploadRequest,
    key: str | None,
    is_batch: bool = False,
) -> httpx2.Response:
    if request.webhook_url is not None:
        rules.judged_receiver(request.webhook_url, None)
    elif request.tells_renditions:
        raise rules.bad_parameter("webhook_events", "webhook_events needs a webhook_url")
    recipe = json.loads(json.dumps(rules.as_dict(request.recipe)))
    return _promised(asked, _accepted(asked, files, values, recipe, key, is_batch))


def _accepted(
    asked: Asked,
    files: list[tuple[str, bytes]],
    values: dict[str, Any],
    recipe: dict[str, Any],
    sent: str | None,
    is_batch: bool,
) -> list[FakeJob]:
    """The jobs of an upload: new ones, or those that its Idempotency-Key has."""
    jobs, grant = asked.jobs, asked.grant
    owner = grant.terms["id"] if grant else ""
    key = None if sent is None else f"{owner} {sent}"
    fingerprint = jobs.fingerprint(files, values)
    if key in jobs.keys:
        before, made = jobs.keys[key]
        if before != fingerprint:
            raise Refusal("idempotency_key_reused", "this Idempotency-Key was used for other content")
        return [jobs.found(job) for job in made]
    if grant:
        asked.grants.use(grant, files)
    values.setdefault("preset", None if "recipe" in values else "default")
    accepted = jobs.submit(files, values, recipe, is_batch)
    for job in accepted:
        job.trace = _trace(asked)
    for job in accepted if grant else []:
        job.view_grant = view_grant(SECRET, job.id, expires_at=time.time() + VIEW_SECONDS)
    if key is not None:
        jobs.keys[key] = fingerprint, [job.id for job in accepted]
    return accepted


def _trace(asked: Asked) -> str | None:
    """The id in a valid traceparent."""
    found = _TRACEPARENT.fullmatch(asked.request.headers.get("traceparent", ""))
    return found[1] if found else None


def _promised(asked: Asked, jobs: list[FakeJob]) -> httpx2.Response:
    """202; or 200 with a job that has ended, to a caller who waits."""
    promised, first = [job.promised() for job in jobs], jobs[0]
    if "Prefer" in asked.request.headers and len(jobs) == 1 and first.state in ENDED:
        shown = first.shown(by_grant=first.view_grant)
        return as_json({**shown, "receipt": promised[0]["receipt"], "ignored": []}, 200)
    here = f"{BASE}/batches/{first.batch}"
    batch = {"id": first.batch, "status_url": here, "events_url": f"{here}/events"}
    view = {"jobs": promised, "batch": batch, "ignored": []}
    return as_json(promised[0] | view if len(jobs) == 1 else view, 202)
