"""JSON in bodies and answers. Knows no route and no job; what a client asks for as text is in jobs/requests."""

from typing import Any

import msgspec
from starlette.responses import Response

from jobs.requests.texts import bad_parameter, read_json

encode = msgspec.json.Encoder().encode


def as_json(value: object, status: int = 200, headers: dict[str, str] | None = None) -> Response:
    """An answer in JSON."""
    return Response(encode(value), status, headers, "application/json")


def read_object(body: bytes) -> dict[str, Any]:
    """The object of a JSON body. Raises ClientFault."""
    values = read_json(body, "body")
    if not isinstance(values, dict):
        raise bad_parameter("body", "the body is a JSON object")
    return values
