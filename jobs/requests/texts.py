"""JSON texts and keys as clients send them, and the error of a parameter. Knows no route and no job."""

import re
from typing import Any

import msgspec

from jobs.errors import ClientFault

_KEY = re.compile(r"[\x21-\x7e]{1,255}")


def bad_parameter(name: str, detail: str) -> ClientFault:
    """What to raise over the query parameter, form field or JSON key `name`."""
    return ClientFault(detail, code="bad_parameter", parameter=name)


def read_json(text: str | bytes, name: str) -> Any:
    """The value of a JSON text. Raises ClientFault that names `name`."""
    try:
        return msgspec.json.decode(text)
    except (msgspec.DecodeError, UnicodeError, RecursionError) as error:
        raise bad_parameter(name, f"{name} is no JSON: {error}") from None


def checked_key(key: str | None) -> str | None:
    """An Idempotency-Key, without quotes around it. Raises ClientFault `bad_key`."""
    if key is None:
        return None
    if len(key) > 1 and key[0] == key[-1] == '"':
        key = key[1:-1]
    if not _KEY.fullmatch(key):
        raise ClientFault("an Idempotency-Key is 1 to 255 visible ASCII characters", code="bad_key")
    return key
