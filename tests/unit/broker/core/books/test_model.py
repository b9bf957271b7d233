"""broker/core/books/model.py: an entry has every column of a row, and gives each back as it was."""

from typing import Any, get_type_hints

from broker.core.books.model import Entry
from jobs.job import Outcome, Row, State, encode
from jobs.records import Lane
from tests.contracts.rows import row

LIVE = {"state", "lane", "outcome"}
"""The columns that an entry holds in another form; the priority is its lane's."""


def test_an_entry_gives_each_column_back_as_it_was() -> None:
    its: dict[str, Any] = {name: place for place, name in enumerate(Row._fields)}
    its |= {"id": "job", "tenant": "t", "state": "done", "lane": "s.t", "outcome": encode(Outcome(crashes=2))}
    entry = Entry.from_row(row(**its))
    assert (entry.state, entry.lane, entry.outcome) == (State.DONE, Lane(its["priority"], "s.t"), Outcome(crashes=2))
    assert entry.row()._asdict() == its


def test_an_entry_has_the_columns_and_their_types() -> None:
    entry, columns = get_type_hints(Entry), get_type_hints(Row)
    assert sorted(entry) == sorted(Entry.__slots__)
    assert columns.keys() - entry.keys() == {"priority"}
    assert {name for name in columns.keys() & entry.keys() if columns[name] != entry[name]} == LIVE
