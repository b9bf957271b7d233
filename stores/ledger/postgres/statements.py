"""The statements of queries.sql, with their parameters: names in the text, numbers and binary values on the wire.

Owns how a statement names a parameter, `:name::type`, and what the words in braces stand for. Knows no connection.
"""

import re
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any, NamedTuple, get_type_hints

from jobs.deliveries import CHANGING as DELIVERY_CHANGING
from jobs.deliveries import DeliveryRow
from jobs.job import GIVEN_ONCE, Row
from stores.ledger.deliveries import reads as deliveries
from stores.ledger.postgres.values import KINDS, Kind
from stores.ledger.statements import named

HERE = Path(__file__).parent
_PARAMETER = re.compile(r"(?<!:):([a-z_]+)::(bigint|double precision|text|bytea)(\[\])?")
_TYPES = {int: "bigint", float: "double precision", float | None: "double precision", bytes: "bytea"}


def _columns(row: type) -> dict[str, str]:
    return {name: _TYPES.get(kind, "text") for name, kind in get_type_hints(row).items()}


COLUMNS, DELIVERY_COLUMNS = _columns(Row), _columns(DeliveryRow)
"""The columns of jobs and of deliveries, and their types, in the order of Row and DeliveryRow."""
CHANGING = tuple(name for name in COLUMNS if name not in GIVEN_ONCE)
"""The columns that an update sets."""


class Statement(NamedTuple):
    """A statement of queries.sql: its text with $1, $2, ..., and the parameters' names and kinds, in that order."""

    name: str
    text: bytes
    names: tuple[str, ...]
    kinds: tuple[Kind, ...]
    oids: tuple[int, ...]

    def values(self, given: Mapping[str, Any] | Sequence[Any]) -> list[bytes | None]:
        """The parameters for the wire, from values by name or in order. A name that the text lacks is left out."""
        chosen = [given[name] for name in self.names] if isinstance(given, Mapping) else given
        return [None if value is None else kind.dump(value) for kind, value in zip(self.kinds, chosen, strict=True)]


class Asked(NamedTuple):
    """A statement and the values of its parameters."""

    statement: Statement
    values: Mapping[str, Any] | Sequence[Any] = ()


def _arrays(names: Sequence[str], columns: Mapping[str, str] = COLUMNS) -> str:
    return ", ".join(f":{name}::{columns[name]}[]" for name in names)


def _parsed(name: str, text: str) -> Statement:
    kinds: dict[str, Kind] = {}

    def numbered(match: re.Match[str]) -> str:
        kinds.setdefault(match[1], KINDS[match[2] + (match[3] or "")])
        return f"${[*kinds].index(match[1]) + 1}::{match[2]}{match[3] or ''}"

    sent = _PARAMETER.sub(numbered, re.sub(r"^--.*\n", "", text, flags=re.MULTILINE)).strip().rstrip(";")
    return Statement(name, sent.encode(), (*kinds,), (*kinds.values(),), tuple(kind.oid for kind in kinds.values()))


def _loaded() -> dict[str, Statement]:
    text = (
        (HERE / "queries.sql")
        .read_text()
        .format(
            columns=", ".join(COLUMNS),
            row_arrays=_arrays([*COLUMNS]),
            changing=", ".join(f"{name} = new.{name}" for name in CHANGING),
            changing_columns=", ".join(CHANGING),
            changing_arrays=_arrays(CHANGING),
        )
    )
    text += deliveries.text(
        "postgres.sql",
        delivery_arrays=_arrays([*DELIVERY_COLUMNS], DELIVERY_COLUMNS),
        delivery_changing=", ".join(f"{name} = new.{name}" for name in DELIVERY_CHANGING),
        delivery_changing_columns=", ".join(DELIVERY_CHANGING),
        delivery_changing_arrays=_arrays(DELIVERY_CHANGING, DELIVERY_COLUMNS),
    )
    return {name: _parsed(name, statement) for name, statement in named(text).items()}


STATEMENTS = _loaded()


def asked(name: str, values: Mapping[str, Any] | Sequence[Any] = ()) -> Asked:
    """The statement of that name with these values."""
    return Asked(STATEMENTS[name], values)
