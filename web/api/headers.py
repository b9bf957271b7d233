"""Headers of requests and answers, in words and as JSON Schemas. Knows no route but by its name."""

from typing import Any, NamedTuple


class Header(NamedTuple):
    """A header in words, and its values."""

    words: str
    schema: dict[str, Any]


_TEXT: dict[str, Any] = {"type": "string"}
_SECONDS: dict[str, Any] = {"type": "integer", "minimum": 0}

REQUEST_ID = "X-Request-ID"
"""Taken by every route, and in every answer."""
ASKED = {
    "Idempotency-Key": Header(
        "Within 24 hours the same key with the same content gets the same job. The same key with other content is a "
        "422. With `POST /batches` it stands for one batch, as long as that is known.",
        {"type": "string", "pattern": "^[!-~]{1,255}$", "examples": ["order-4711-photo-1"]},
    ),
    "Content-Digest": Header(
        "`sha-256=:…:` of the body. Another body is refused. Other algorithms are not checked.",
        _TEXT,
    ),
    "Prefer": Header(
        "`wait=SECONDS`: the answer waits for the end. If the job ends in time, the answer is a 200.",
        {"type": "string", "examples": ["wait=10"]},
    ),
    REQUEST_ID: Header(
        "The name of this request in the server's [log](logs.md#requests): 1 to 128 letters, digits and `._-`. Without "
        "one, or with another one, the server makes one. Every answer of every route has it.",
        _TEXT,
    ),
    "traceparent": Header("[The trace](traces.md) in which the jobs are made. An invalid one is ignored.", _TEXT),
    "tracestate": Header("What the tools of that trace add to it.", _TEXT),
    "Content-Disposition": Header("The name of the file, if the image is the body.", _TEXT),
    "Range": Header("`bytes=0-999`: a part.", {"type": "string", "examples": ["bytes=0-999"]}),
    "If-Range": Header("The `ETag` that the part belongs to.", _TEXT),
    "If-None-Match": Header("The `ETag` that you have.", _TEXT),
    "Accept": Header(
        "Of a picture in several `formats`, the best that it accepts is sent. AVIF and WebP only if it names them.",
        {"type": "string", "examples": ["image/avif,image/webp,image/*"]},
    ),
    "Last-Event-ID": Header("The id of the last event that came: what was missed is sent.", _TEXT),
}
"""Those that requests may have."""

_TRACE = ("traceparent", "tracestate")
_STREAMS = ("Last-Event-ID",)
_FILES = ("Range", "If-Range", "If-None-Match")
TAKEN = {
    "POST /upload": ("Idempotency-Key", "Content-Digest", "Prefer", *_TRACE, "Content-Disposition"),
    "POST /jobs": ("Idempotency-Key", "Prefer", *_TRACE),
    "POST /batches": ("Idempotency-Key",),
    "POST /recipes/explain": ("Content-Digest",),
    "GET /jobs/{job}/events": _STREAMS,
    "GET /batches/{batch}/events": _STREAMS,
    "GET /events": _STREAMS,
    "GET /jobs/{job}/original": _FILES,
    "GET /jobs/{job}/renditions/{name}": (*_FILES, "Accept"),
    "GET /openapi.json": ("If-None-Match",),
    "GET /docs": ("If-None-Match",),
}
"""By route, the headers that it reads, beside REQUEST_ID."""


def taken(route: str) -> tuple[str, ...]:
    """The headers that a route reads."""
    return (*TAKEN.get(route, ()), REQUEST_ID)


ANSWERED = {
    REQUEST_ID: Header("The name of this request in the server's log.", _TEXT),
    "Location": Header("The address of the job or the batch; of a 302 and a 303: where to go.", _TEXT),
    "Preference-Applied": Header("What was honoured of `Prefer`.", _TEXT),
    "Server-Timing": Header("The milliseconds of each stage of the accept.", _TEXT),
    "Retry-After": Header("Ask again after so many seconds.", _SECONDS),
    "ETag": Header("Changes with the bytes.", _TEXT),
    "Cache-Control": Header("Who may keep the answer.", _TEXT),
    "Vary": Header("Whose answer it is.", _TEXT),
    "Repr-Digest": Header("The SHA-256 of the whole bytes.", _TEXT),
    "Content-Disposition": Header("The name of the file.", _TEXT),
    "Accept-Ranges": Header("`bytes`: parts may be asked for.", _TEXT),
    "Content-Range": Header("Which part this is.", _TEXT),
    "Set-Cookie": Header("The session of the page.", _TEXT),
    "Allow": Header("The methods of this path.", _TEXT),
    "WWW-Authenticate": Header("How to send a key.", _TEXT),
    "RateLimit": Header("How much is left of the rate.", _TEXT),
    "RateLimit-Policy": Header("The rate.", _TEXT),
    "Accept-Encoding": Header("`identity`: send the body as it is.", _TEXT),
}
"""Those that answers may have."""

OF_ERRORS = {
    401: ("WWW-Authenticate",),
    403: ("WWW-Authenticate",),
    405: ("Allow",),
    415: ("Accept-Encoding",),
    416: ("Content-Range",),
    429: ("Retry-After", "RateLimit", "RateLimit-Policy"),
    503: ("Retry-After",),
}
"""By status, the headers of an error."""

WEBHOOK = {
    "webhook-id": Header("The same for all attempts of one delivery: keep those that you have handled.", _TEXT),
    "webhook-timestamp": Header("When this attempt began, in seconds since 1970.", _SECONDS),
    "webhook-signature": Header("One or more signatures, `v1,BASE64`, with spaces between them.", _TEXT),
}
"""Those of a delivery."""
