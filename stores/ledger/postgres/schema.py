"""The schema of the PostgreSQL ledger: its numbered scripts, carried out as transactions.

Owns which scripts there are, and how a script is cut into statements. Knows no term: the caller says what goes before.
"""

import time
from collections.abc import Iterator

from stores.ledger.postgres.connection import Connection
from stores.ledger.postgres.statements import HERE, Asked, Statement, asked

_SCRIPTS = (
    "schema-1.sql", "schema-2.sql", "schema-3.sql", "schema-4.sql", "schema-5.sql", "schema-6.sql", "schema-7.sql",
    "schema-8.sql", "schema-9.sql", "schema-10.sql",
)  # fmt: skip
"""The n-th script brings a ledger from schema n - 1 to n."""
SCHEMA = len(_SCRIPTS)
WHOLE, FILLING, MOVED = "whole", "filling", "moved"
"""What a ledger is: for brokers; not yet whole, because a move fills it; moved elsewhere."""
SCRIPT_SECONDS = 3600.0
"""A script may build an index over all jobs."""


def begin(connection: Connection, has_namespace: bool) -> None:
    """Make an empty ledger of schema 1. Another broker may do the same: then the server refuses one of the two."""
    wanted = [] if has_namespace else [plain("CREATE SCHEMA pixmill")]
    connection.run([*wanted, *script(1)], time.monotonic() + SCRIPT_SECONDS)


def later_scripts(number: int) -> Iterator[list[Asked]]:
    """The statements of each script above schema `number`, with the one that stores its own number."""
    for following in range(number + 1, SCHEMA + 1):
        yield [*script(following), asked("put_schema", [following])]


def script(number: int) -> list[Asked]:
    """The statements of the script with that number."""
    text = (HERE / _SCRIPTS[number - 1]).read_text()
    lines = "\n".join(line.partition("--")[0].rstrip() for line in text.splitlines())
    return [plain(statement.strip()) for statement in lines.split(";\n") if statement.strip(" \n;")]


def plain(text: str) -> Asked:
    """A statement without parameters."""
    return Asked(Statement(text.partition("\n")[0], text.rstrip(";\n").encode(), (), (), ()))
