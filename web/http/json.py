"""JSON in bodies and answers, and the error of a parameter.

Knows no route and no job.
"""

from typing import Any

import msgspec
from starlette.responses import Response

from jobs.errors import ClientFault

encode = msgspec.json.Encoder().encode


def bad_parameter(name: str, detail: str) -> ClientFault:
    """What to raise over the query parameter, form field or JSON key `name`."""
    return ClientFault(detail, code="bad_parameter", parameter=name)


def as_json(value: object, status: int = 200, headers: dict[str, str] | None = None) -> Response:
    """An answer in JSON."""
    return Response(encode(value), status, headers, "application/json")


def read_object(body: bytes) -> dict[str, Any]:
    """The object of a JSON body. Raises ClientFault."""
    values = read_json(body, "body")
    if not isinstance(values, dict):
        raise bad_parameter("body", "the body is a JSON object")
    return values


def read_json(text: str | bytes, name: str) -> Any:
    """The value of a JSON text. Raises ClientFault that names `name`."""
    try:
        return msgspec.json.decode(text)
    except (msgspec.DecodeError, UnicodeError, RecursionError) as error:
        raise bad_parameter(name, f"{name} is no JSON: {error}") from None
