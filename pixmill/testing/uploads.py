"""The stand-in's routes that make jobs: what is refused, and which job a repeated key gets. Owns no job."""

import itertools
import json
import re
import time
from collections.abc import Mapping
from typing import Any

import httpx2

from pixmill.grants import view_grant
from pixmill.testing import facts
from pixmill.testing.asked import Asked
from pixmill.testing.grants import SECRET
from pixmill.testing.jobs import BASE, BATCH_MAX, ENDED, FakeJob, format_of
from pixmill.testing.messages import Refusal, as_json, read_form

FIELDS = (
    "preset", "recipe", "focus", "reference", "metadata", "priority", "expires_in", "webhook_url", "webhook_events",
    "batch",
)  # fmt: skip
PRIORITIES = ("high", "normal", "low")
FILES_MAX = 100
"""Of one form."""
_TRACEPARENT = re.compile(r"00-(?!0{32})([0-9a-f]{32})-(?!0{16})[0-9a-f]{16}-[0-9a-f]{2}")
VIEW_SECONDS = 3600
"""For so long a job can be looked at that was uploaded under a grant."""


def upload(asked: Asked) -> httpx2.Response:
    """POST /upload: all files of a form, or none."""
    form = read_form(asked.request.headers.get("Content-Type", ""), asked.request.read())
    if not form.files:
        raise Refusal("no_image", "the form has no image")
    if len(form.files) > FILES_MAX:
        raise Refusal("too_many_parts", f"{FILES_MAX} files at most", limit="files_per_post_max", allowed=FILES_MAX)
    values: dict[str, Any] = dict(form.fields)
    for name in ("recipe", "focus", "metadata"):
        if name in values:
            values[name] = _json(values[name], name)
    return _submitted(asked, form.files, values if asked.grant is None else asked.grant.decide(values))


def derive(asked: Asked) -> httpx2.Response:
    """POST /jobs."""
    values = asked.body()
    if "source_url" in values:
        if "original" in values or "originals" in values:
            raise Refusal("bad_parameter", "give an original or a source_url, not both", parameter="source_url")
        raise Refusal("source_refused", "this address is not below a prefix of PIXMILL_SOURCES")
    source, many = values.pop("original", None), values.pop("originals", None)
    found = [asked.jobs.found(each) for each in _originals(source, many)]
    return _submitted(asked, [(each.filename, each.data) for each in found], values, is_batch=many is not None)


def _originals(source: object, many: object) -> list[str]:
    """The ids of the jobs whose originals are meant. Raises Refusal."""
    if many is None:
        if not isinstance(source, str):
            raise Refusal("bad_parameter", "original is the id of a job", parameter="original")
        return [source]
    if source is not None:
        raise Refusal("bad_parameter", "give original or originals, not both", parameter="originals")
    if not isinstance(many, list) or not many or not all(isinstance(each, str) for each in many):
        raise Refusal("bad_parameter", f"originals are the ids of 1 to {BATCH_MAX} jobs", parameter="originals")
    if len(many) > BATCH_MAX:
        raise Refusal("bad_parameter", f"{BATCH_MAX} originals at most", limit="batch_jobs_max", allowed=BATCH_MAX)
    return many


def _submitted(
    asked: Asked, files: list[tuple[str, bytes]], values: dict[str, Any], is_batch: bool = False
) -> httpx2.Response:
    for name in values:
        if name not in FIELDS:
            raise Refusal("bad_parameter", f"there is no key {name!r}", parameter=name)
    recipe = recipe_of(asked.presets, values)
    if values.get("priority", "normal") not in PRIORITIES:
        raise Refusal("bad_parameter", f"priority is one of {', '.join(PRIORITIES)}", parameter="priority")
    if values.get("focus") is not None and not _is_point(values["focus"]):
        raise Refusal("bad_parameter", "focus is two numbers from 0 to 1", parameter="focus")
    if values.get("expires_in") is not None and not _is_in_a_week(values["expires_in"]):
        raise Refusal("bad_parameter", "expires_in is a number of seconds from 1 to 604800", parameter="expires_in")
    if values.get("webhook_events") not in (None, "job.rendition"):
        raise Refusal("bad_parameter", "webhook_events is job.rendition", parameter="webhook_events")
    if values.get("webhook_events") is not None and values.get("webhook_url") is None:
        raise Refusal("bad_parameter", "webhook_events needs a webhook_url", parameter="webhook_events")
    for index, (filename, data) in enumerate(files):
        if format_of(data) is None:
            what = "the first bytes are of no image that we read"
            raise Refusal("unsupported_type", what, filename=filename, index=index)
    return _promised(asked, _accepted(asked, files, values, recipe, is_batch))


def _is_point(focus: object) -> bool:
    """Whether it is two numbers from 0 to 1."""
    if not isinstance(focus, list) or len(focus) != 2:
        return False
    return all(type(share) in (int, float) and 0 <= share <= 1 for share in focus)


def _is_in_a_week(seconds: object) -> bool:
    try:
        return 1 <= float(str(seconds)) <= 604_800
    except ValueError:
        return False


def _accepted(
    asked: Asked, files: list[tuple[str, bytes]], values: dict[str, Any], recipe: dict[str, Any], is_batch: bool
) -> list[FakeJob]:
    """The jobs of an upload: new ones, or those that its Idempotency-Key has."""
    jobs, grant = asked.jobs, asked.grant
    sent, owner = asked.request.headers.get("Idempotency-Key"), grant.terms["id"] if grant else ""
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


def recipe_of(presets: Mapping[str, Any], values: Mapping[str, Any]) -> dict[str, Any]:
    """The recipe that is asked for. Raises Refusal."""
    if "recipe" not in values:
        preset = values.get("preset", "default")
        if preset not in presets:
            raise Refusal("unknown_preset", f"there is no preset {preset!r}: use {', '.join(presets)}")
        return dict(presets[preset])
    if "preset" in values:
        raise Refusal("bad_parameter", "give a preset or a recipe, not both", parameter="recipe")
    recipe = values["recipe"] if isinstance(values["recipe"], dict) else _json(values["recipe"], "recipe")
    if isinstance(recipe, dict) and facts.asked(recipe):
        recipe = {"renditions": [], **recipe}
    elif not isinstance(recipe, dict) or not isinstance(recipe.get("renditions"), list) or not recipe["renditions"]:
        raise Refusal("bad_recipe", "a recipe has renditions", path="$.renditions")
    for index, each in enumerate(recipe["renditions"]):
        if "name" not in each:
            raise Refusal("bad_recipe", "a rendition has a name", path=f"$.renditions[{index}]")
    return {**recipe, "renditions": [made for each in recipe["renditions"] for made in _written_out(each)]}


def _written_out(asked: dict[str, Any]) -> list[dict[str, Any]]:
    """The renditions that `widths`, `dpr` and `formats` make, by their names. Their sides are nobody's here."""
    widths, dpr = asked.get("widths"), asked.get("dpr")
    of_width = [f"-{width}w" for width in widths] if widths else [""]
    of_dpr = [f"-{each:g}x".replace(".", "_") for each in dpr] if isinstance(dpr, list) else [""]
    of_format = [f"-{each}" for each in asked.get("formats") or ()] or [""]
    kept = {name: value for name, value in asked.items() if name not in ("widths", "dpr", "formats")}
    ends = itertools.product(of_width, of_dpr, of_format)
    return [{**kept, "name": asked["name"] + "".join(each)} for each in ends]


def _json(text: str, name: str) -> Any:
    try:
        return json.loads(text)
    except ValueError as error:
        code = "bad_recipe" if name == "recipe" else "bad_parameter"
        raise Refusal(code, f"{name} is no JSON: {error}", path="$") from None
