"""stores/ledger/postgres/statements.py: names in queries.sql become numbers and binary values."""

import re

import pytest

from jobs.job import GIVEN_ONCE, Row
from stores.ledger.postgres.statements import CHANGING, COLUMNS, STATEMENTS, Statement


def test_a_parameter_has_one_number_wherever_it_stands() -> None:
    statement, times = STATEMENTS["rows_oldest_tenant"], ("accepted_after", "accepted_before")
    assert statement.names == ("tenant", "low", "high", "state", "code", "preset", *times, "limit")
    assert statement.text.count(b"$4::text") == 2
    assert b":state" not in statement.text


def test_values_by_name_and_in_order_are_the_same() -> None:
    statement = STATEMENTS["queued"]
    by_name = {"lane": "small", "limit": 3, "after": 2, "priority": 1, "unknown": 0}
    assert statement.values(by_name) == statement.values([1, "small", 2, 3])
    assert STATEMENTS["rows_oldest_all"].values([1, 2, *[None] * 6, 3])[2] is None
    with pytest.raises(ValueError, match="zip"):
        statement.values([1])


@pytest.mark.parametrize("statement", STATEMENTS.values(), ids=[*STATEMENTS])
def test_every_parameter_is_known_and_no_comment_is_sent(statement: Statement) -> None:
    assert b"--" not in statement.text
    numbers = {int(number) for number in re.findall(rb"\$(\d+)", statement.text)}
    assert numbers == set(range(1, len(statement.names) + 1))


QUEUE = [name for name, each in STATEMENTS.items() if b"state = 'queued'" in each.text and name != "expiring"]


@pytest.mark.parametrize("name", QUEUE)
def test_a_query_on_the_queue_names_the_partial_index(name: str) -> None:
    text = STATEMENTS[name].text.decode()
    assert text.count("state <> 'done'") == text.count("state = 'queued'")


def test_the_columns_are_those_of_a_row() -> None:
    assert [*COLUMNS] == [*Row._fields]
    assert set(CHANGING) == set(Row._fields) - GIVEN_ONCE
    assert COLUMNS["seq"] == "bigint"
    assert COLUMNS["due_at"] == "double precision"
    assert COLUMNS["worker"] == "text"
    assert COLUMNS["spec"] == "bytea"
