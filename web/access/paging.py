"""The pages of lists: `limit`, and `after` with an opaque cursor."""

import base64

from jobs.limits import LIST_DEFAULT, LIST_MAX
from jobs.requests.texts import bad_parameter
from web.access.call import Call

_FIRST = "[MN][DTjz]|O[DT]"
CURSOR_PATTERN = (
    f"^(?!M[AD].)(?:(?:{_FIRST})[AEIMQUYcgk][w-z0-5]){{0,5}}(?:[MN][AQgw]|O[AQ]|(?:{_FIRST})[AEIMQUYcgk](?:[w-z0-5])?)$"
)
"""What `cursor` returns, for the schema of the API: base64 of a number in decimal digits without a zero before it."""


def limit_of(call: Call, most: int = LIST_MAX) -> int:
    """How many entries the page may have. Raises ClientFault."""
    value = call.query.get("limit", str(LIST_DEFAULT))
    if not value.isdecimal() or len(value) > 10 or not 1 <= int(value) <= most:
        raise bad_parameter("limit", f"limit is 1 to {most}, not {value!r}")
    return int(value)


def cursor(seq: int) -> str:
    """The `next` of a page, whose last entry has this seq."""
    return base64.urlsafe_b64encode(str(seq).encode()).decode().rstrip("=")


def before_of(call: Call) -> int | None:
    """The seq in `after`; None: the list begins. Raises ClientFault."""
    value = call.query.get("after")
    if value is None:
        return None
    try:
        seq = int(base64.urlsafe_b64decode(value + "=" * (-len(value) % 4)))
        if cursor(seq) == value and 0 <= seq < 2**63:
            return seq
    except ValueError:
        pass
    raise bad_parameter("after", "after is the `next` of an earlier page, or the id of a job")
