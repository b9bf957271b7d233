"""The file of tenants: what each tenant may have, where that differs from all others.

Owns the file's syntax, its keys and their bounds. Pure: opens no file (host/files/tenants.py does), and counts nothing:
the broker's core does.

    [acme]
    rate = 600
    running_max = 4
    weight = 2

A fault tells the line, the key, what is allowed and what came.
"""

import re
import tomllib
from collections.abc import Mapping
from typing import Any, NamedTuple

import msgspec

from jobs.errors import SetupFault

TENANTS_MAX = 1000
"""Tenants in one file. The broker looks at all of them once a second."""
FILE_BYTES_MAX = 256 * 1024
"""Bytes of the file: 1000 tenants with all their keys and long names have less."""
NAME = re.compile(r"[A-Za-z0-9][A-Za-z0-9._@-]{0,63}", re.ASCII)
"""A tenant's name, as in an API key."""
SHOWN_CHARACTERS = 60
"""Of a wrong value or name a fault shows so many characters."""
VALUE_LINES = 20
"""Lines of a value. A fault in or behind a longer one may be told with a later line."""
DAY_SECONDS = 86_400.0


class TenantLimits(msgspec.Struct, frozen=True, kw_only=True):
    """What one tenant may have. None: what the settings say for everyone, or no limit where they say nothing.

    `rate`: images a minute. `queued_max`: jobs that wait. `running_max`: jobs that workers and couriers hold; 0: none.
    `weight`: their share of the workers beside others that wait, whose weight is 1. `retention`: days from a job's end
    until it is removed; 0: never."""

    rate: int | None = None
    queued_max: int | None = None
    running_max: int | None = None
    weight: float = 1.0
    retention: float | None = None


class _Bound(NamedTuple):
    """The values of a key: from `least` to `most`, and whole numbers only if `whole`."""

    least: float
    most: float
    whole: bool

    def allows(self, value: object) -> bool:
        """Whether the value is one. True and false are no numbers; NaN is in no range."""
        if isinstance(value, bool) or not isinstance(value, int if self.whole else int | float):
            return False
        return self.least <= value <= self.most

    def __str__(self) -> str:
        return f"a {'whole ' if self.whole else ''}number from {self.least:.15g} to {self.most:.15g}"


BOUNDS = {
    "rate": _Bound(1, 10**9, True),
    "queued_max": _Bound(0, 10**12, True),
    "running_max": _Bound(0, 10**6, True),
    "weight": _Bound(0.01, 100.0, False),
    "retention": _Bound(0.0, 36_600.0, False),
}
"""By key. A rate has no 0, because in a setting 0 means no limit; `running_max = 0` holds a tenant's jobs."""

Tenants = Mapping[str, TenantLimits]


def parse_tenants(toml: str, file: str) -> dict[str, TenantLimits]:
    """The tenants in a file's text, by name; `file` is its name in faults. Raises SetupFault."""
    if (size := len(toml.encode("utf-8", "surrogatepass"))) > FILE_BYTES_MAX:
        raise SetupFault(f"{file} has {size} bytes, and {FILE_BYTES_MAX} are the most: make it smaller")
    try:
        tables = tomllib.loads(toml)
    except (ValueError, RecursionError) as error:  # a number of thousands of digits is a ValueError
        raise SetupFault(f"{file} is no TOML, {str(error) or 'it is too deep'}: correct it") from None
    if len(tables) > TENANTS_MAX:
        raise SetupFault(f"{file} has {len(tables)} tenants, and {TENANTS_MAX} are the most: leave some out")
    lines = _Lines(toml)
    return {name: _tenant(name, table, lines, file) for name, table in tables.items()}


def _tenant(name: str, table: object, lines: "_Lines", file: str) -> TenantLimits:
    if not isinstance(table, dict):
        fault = f"{_shown(name)} must be a table of a tenant, [NAME], not {_shown(table)}"
        raise SetupFault(f"{file}{lines.of(name)}: {fault}: correct it")
    if not NAME.fullmatch(name):
        fault = f"a tenant's name must be 1 to 64 letters, digits and ._@-, not {_shown(name)}"
        raise SetupFault(f"{file}{lines.of(name)}: {fault}: correct it")
    for key, value in table.items():
        if key not in BOUNDS:
            fault = f"a key of [{name}] must be one of {', '.join(BOUNDS)}, not {_shown(key)}"
            raise SetupFault(f"{file}{lines.of(name, key)}: {fault}: correct it")
        if not BOUNDS[key].allows(value):
            fault = f"{key} of [{name}] must be {BOUNDS[key]}, not {_shown(value)}"
            raise SetupFault(f"{file}{lines.of(name, key)}: {fault}: correct it")
    return msgspec.convert(table, TenantLimits)


def _shown(value: object) -> str:
    text = repr(value)
    return text if len(text) <= SHOWN_CHARACTERS else f"{text[:SHOWN_CHARACTERS]}…"


class _Lines:
    """The numbers of a file's lines. TOML's reader tells none, so they are found by asking it: the key is on the line
    with which it first appears."""

    def __init__(self, toml: str) -> None:
        self._lines = toml.splitlines(keepends=True)

    def of(self, name: str, key: str | None = None) -> str:
        """Where a tenant, or a key of theirs, is written: `, line N`, or nothing if that cannot be told."""
        low, high = 0, len(self._lines)  # with no line it is absent, with all it is there
        while high - low > 1:
            middle = (low + high) // 2
            found = self._appears(middle, name, key)
            low, high = (low, middle) if found else (middle, high)
        return f", line {high}" if high else ""

    def _appears(self, count: int, name: str, key: str | None) -> bool:
        """Whether it is there in the first lines. A value over several lines may end behind them: then up to
        VALUE_LINES fewer are read."""
        for fewer in range(count, max(0, count - VALUE_LINES), -1):
            try:
                tables: Any = tomllib.loads("".join(self._lines[:fewer]))
            except ValueError:
                continue
            table = tables.get(name)
            return table is not None if key is None else isinstance(table, dict) and key in table
        return False


def rate_of(tenants: Tenants, tenant: str, everyone: int) -> int:
    """How many images a minute the tenant may send; 0: any number. `everyone`: what the settings say."""
    limits = tenants.get(tenant)
    return everyone if limits is None or limits.rate is None else limits.rate


def running_max_of(tenants: Tenants) -> dict[str, int]:
    """How many jobs each tenant may have running, of those who have such a limit."""
    return {name: each.running_max for name, each in tenants.items() if each.running_max is not None}


def retention_of(tenants: Tenants, tenant: str, everyone: float) -> float:
    """For how many seconds the tenant's ended jobs are kept; 0: for ever. `everyone`: what the settings say."""
    limits = tenants.get(tenant)
    return everyone if limits is None or limits.retention is None else limits.retention * DAY_SECONDS
