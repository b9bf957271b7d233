"""HTTP as the stand-in needs it: an upload's form taken apart, answers and refusals put together. Keeps no job."""

import json
import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from http import HTTPStatus
from typing import Any

import httpx2

STATUS = {
    "malformed": 400, "no_image": 400, "bad_parameter": 400, "bad_key": 400, "key_missing": 401, "key_wrong": 401,
    "forbidden": 403, "grant_expired": 403, "grant_used_up": 403, "origin_not_allowed": 403, "not_found": 404,
    "method_not_allowed": 405, "job_ended": 409, "job_not_ended": 409, "not_requeueable": 409, "batch_closed": 409,
    "upload_too_large": 413, "too_many_parts": 413, "unsupported_type": 415, "undecodable": 422,
    "pixels_over_limit": 422, "idempotency_key_reused": 422, "bad_recipe": 422, "unknown_preset": 422,
    "source_refused": 422,
    "rate_limited": 429, "broker_silent": 503,
}  # fmt: skip
_DISPOSITION = re.compile(rb'content-disposition: form-data; name="([^"]*)"(?:; filename="([^"]*)")?', re.IGNORECASE)
_SHOWN = {"%22": '"', "%0D": "\r", "%0A": "\n"}


class Refusal(Exception):
    """A problem document to answer with."""

    def __init__(self, code: str, detail: str, **members: Any) -> None:
        super().__init__(detail)
        self.code, self.detail, self.members = code, detail, members


@dataclass
class Form:
    """The fields of an upload, and its files as (name, bytes)."""

    fields: dict[str, str] = field(default_factory=dict)
    files: list[tuple[str, bytes]] = field(default_factory=list)


def read_form(content_type: str, body: bytes) -> Form:
    """A multipart form. Raises Refusal."""
    boundary = re.search(r'boundary="?([^";]+)', content_type)
    if not content_type.startswith("multipart/form-data") or boundary is None:
        raise Refusal("malformed", "an upload is a form")
    form = Form()
    for part in body.split(b"--" + boundary[1].encode())[1:-1]:
        head, _, data = part.removeprefix(b"\r\n").partition(b"\r\n\r\n")
        named = _DISPOSITION.search(head)
        if named is None:
            raise Refusal("malformed", "a part of the form has no name")
        data = data.removesuffix(b"\r\n")
        if named[2] is None:
            form.fields[named[1].decode()] = data.decode()
        else:
            form.files.append((_text(named[2]), data))
    return form


def _text(name: bytes) -> str:
    text = name.decode("utf-8", "replace")
    for escaped, plain in _SHOWN.items():
        text = text.replace(escaped, plain)
    return text


def as_json(value: object, status: int = 200, headers: Mapping[str, str] | None = None) -> httpx2.Response:
    """An answer in JSON."""
    return httpx2.Response(status, headers=dict(headers or {}), json=value)


def as_problem(refusal: Refusal) -> httpx2.Response:
    """A problem document (RFC 9457)."""
    status = STATUS.get(refusal.code, 503)
    document = {"type": "about:blank", "title": HTTPStatus(status).phrase, "status": status, "code": refusal.code}
    body = json.dumps(document | {"detail": refusal.detail} | refusal.members).encode()
    return httpx2.Response(status, headers={"Content-Type": "application/problem+json"}, content=body)


def event(name: str, data: object, number: int) -> bytes:
    """One Server-Sent Event."""
    return f"id: {number}\nevent: {name}\ndata: {json.dumps(data)}\n\n".encode()
