"""Hooks of schemathesis: real images as bodies, and what good requests need beyond what OpenAPI can say.

schemathesis loads this file by itself (tests/cluster/api/test_schemathesis.py). A hook changes requests that are good
by the schema, never those that it made to be refused. PIXMILL_FUZZED_URL and _KEY name the server.
"""

import json
import os
import urllib.parse
import urllib.request
from datetime import UTC, datetime, timedelta
from io import BytesIO
from typing import Any

import schemathesis
from hypothesis import strategies as st
from PIL import Image
from schemathesis.generation.meta import TestPhase

from web.api.bodies import BYTES
from web.api.of_jobs import IMAGES

FORMATS = ("PNG", "JPEG", "WEBP", "GIF")
RECEIVER = "https://hooks.example/pixmill"
LATER = (datetime.now(UTC) + timedelta(hours=6)).isoformat()
CONFIRMED = {("DELETE", "/jobs"), ("POST", "/jobs/requeue"), ("POST", "/deliveries/replay")}
URL, KEY = os.environ["PIXMILL_FUZZED_URL"], os.environ.get("PIXMILL_FUZZED_KEY", "")


def image(name: str) -> bytes:
    """A small picture."""
    out = BytesIO()
    Image.new("RGB", (8, 6), (9, 90, 200)).save(out, name)
    return out.getvalue()


_IMAGES = [image(name) for name in FORMATS]
for media in (*IMAGES, BYTES):
    schemathesis.openapi.media_type(media, st.sampled_from(_IMAGES))


def post(path: str, body: bytes, media: str) -> Any:
    """The JSON of the server's answer."""
    headers = {"Content-Type": media, **({"Authorization": f"Bearer {KEY}"} if KEY else {})}
    request = urllib.request.Request(f"{URL}{path}", body, headers)
    with urllib.request.urlopen(request, timeout=30) as answer:
        return json.load(answer)


JOB = post("/upload", _IMAGES[0], "image/png")["id"]
"""A job of the server."""


@schemathesis.hook
def before_call(_context: Any, case: Any, _kwargs: Any) -> None:
    """Every request passes here before it is sent."""
    if case.path == "/events" and "job" not in (case.query or {}):
        # without a job it never ends: each stream is followed to its end
        case.query = {**(case.query or {}), "job": JOB}
    if case.meta is None or not case.meta.generation.mode.is_positive:
        return
    query = dict(case.query or {})
    if (case.method.upper(), case.path) in CONFIRMED:
        query["dry_run"] = "1"  # all jobs are only changed by `all` or a filter: parameters that need each other
    if case.media_type == "multipart/form-data":
        query = {}  # a form has its fields as parts: OpenAPI has one query for all media types
    _sense(query)
    if case.meta.phase.name == TestPhase.STATEFUL and (case.method.upper(), case.path) == ("DELETE", "/jobs/{job}"):
        query["purge"] = "1"  # without it the job is cancelled, and stays: schemathesis would miss its 404
    if query != (case.query or {}):
        case.query = query
    if isinstance(case.body, dict):
        _sense(case.body)
        if case.media_type == "multipart/form-data" and isinstance(case.body.get("metadata"), str):
            case.body.pop("metadata")  # JSON, but schemathesis writes a string into a part without its quotes
        case.body.update({name: _picture(value) for name, value in case.body.items()})
    # else schemathesis judges anew what was changed, and takes the bytes of a picture for no string of the schema
    case._record_starting_state()


@schemathesis.hook
def after_call(_context: Any, case: Any, response: Any) -> None:
    """Go on where all or a tenant were paused: jobs that wait for ever have event streams that never end."""
    if case.path == "/queue/pause" and response.status_code < 300:
        query = urllib.parse.urlencode(case.query or {}, doseq=True)
        post(f"/queue/resume?{query}", b"", "application/json")


def _picture(value: Any) -> Any:
    """The value of a form's part: bytes are those of a picture, which the stateful phase does not always know."""
    if isinstance(value, list):
        return [_picture(each) for each in value]
    data = getattr(value, "data", value)
    return _IMAGES[0] if isinstance(data, bytes) and data not in _IMAGES else value


def _sense(fields: dict[str, Any]) -> None:
    """Fields that are good alone and not together, or whose values must be sensible in the world."""
    if "recipe" in fields:
        fields.pop("preset", None)  # one of the two
    if fields.get("webhook_url") is not None or fields.get("webhook_events") is not None:
        fields["webhook_url"] = RECEIVER  # public, at a port that may be called; and events need one
    if fields.get("expires_at") is not None:
        fields["expires_at"] = LATER  # in the future, and not for ever
    if "redirect" in fields:
        fields.pop("redirect")  # at an origin of CORS_ORIGINS
