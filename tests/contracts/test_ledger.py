"""What every ledger promises to the broker and to web: one suite, the real one and the fake."""

from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Protocol

import pytest

from jobs.errors import LedgerFailed
from jobs.job import Row, State
from jobs.records import (
    PURGED,
    GrantEntry,
    KeyEntry,
    Lane,
    LookedUp,
    LookUp,
    Meta,
    PurgedEntry,
    QuarantineEntry,
    Records,
    SweepEntry,
    TenantEntry,
    Where,
)
from stores.ledger import Ledger, LedgerReader
from stores.ledger.memory import MemoryLedger
from stores.ledger.sqlite import open_ledger
from stores.ledger.sqlite_reader import open_reader
from tests.contracts.rows import ended, job_id, row, row_of

Page = Callable[[int | None, int], tuple[list[Row], int | None]]


class Home(Protocol):
    """Where a ledger lives: it can be opened again, as a restart does, and read by others."""

    def restart(self) -> Ledger: ...

    def reader(self) -> LedgerReader: ...


class SqliteHome:
    def __init__(self, path: Path) -> None:
        self._path = path
        self.opened: list[Ledger | LedgerReader] = []

    def restart(self) -> Ledger:
        self.close()
        ledger = open_ledger(self._path)
        self.opened.append(ledger)
        return ledger

    def reader(self) -> LedgerReader:
        reader = open_reader(self._path)
        self.opened.append(reader)
        return reader

    def close(self) -> None:
        while self.opened:
            self.opened.pop().close()


class MemoryHome:
    def __init__(self) -> None:
        self._ledger = MemoryLedger()

    def restart(self) -> Ledger:
        return self._ledger

    def reader(self) -> LedgerReader:
        return self._ledger


@pytest.fixture(params=["sqlite", "memory"])
def home(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[Home]:
    if request.param == "memory":
        yield MemoryHome()
        return
    on_disk = SqliteHome(tmp_path / "ledger.sqlite3")
    yield on_disk
    on_disk.close()


@pytest.fixture
def ledger(home: Home) -> Ledger:
    ledger = home.restart()
    ledger.restore()
    return ledger


@pytest.fixture
def reader(home: Home, ledger: Ledger) -> LedgerReader:
    return home.reader()


def seqs(rows: list[Row]) -> list[int]:
    return [found.seq for found in rows]


def scan_through(page: Page, limit: int, first: int | None) -> list[int]:
    """The seqs of all pages; a page is never longer than asked, and the last one says so."""
    start, found, pages = first, [], 0
    while True:
        rows, following = page(start, limit)
        assert len(rows) <= limit
        found += seqs(rows)
        pages += 1
        if following is None:
            return found
        assert pages < 100
        start = following


def test_a_new_ledger_is_empty_and_each_start_raises_the_epoch(home: Home) -> None:
    for epoch in (1, 2, 3):
        restored = home.restart().restore()
        assert restored.meta == Meta(epoch=epoch, counts={state.value: 0 for state in State})
    assert (restored.running, restored.delayed, restored.lanes) == ([], [], [])
    assert (restored.sweeps, restored.quarantine) == ([], [])


def test_a_row_comes_back_as_it_was(ledger: Ledger, reader: LedgerReader) -> None:
    whole = ended(1, reference="r", batch="b", content=b"\0\xff", spec=b"", outcome=b"\0")
    ledger.commit(Records(jobs=[row(5), whole]))
    assert row_of(ledger, whole.id) == whole
    assert reader.job(whole.id) == whole
    assert isinstance(reader.job(whole.id), Row)


def test_an_update_changes_all_that_may_change(ledger: Ledger) -> None:
    ledger.commit(Records(jobs=[row(1), row(2)]))
    ledger.commit(Records(jobs=[ended(1)]))
    assert row_of(ledger, job_id(1)) == ended(1)
    assert row_of(ledger, job_id(2)) == row(2)


def test_an_update_never_changes_what_was_accepted(ledger: Ledger) -> None:
    ledger.commit(Records(jobs=[row(1)]))
    other = {"id": job_id(9), "tenant": "t", "accepted_at": 0.0, "reference": "r", "preset": "p", "batch": "b"}
    ledger.commit(Records(jobs=[ended(1, content=b"x", spec=b"x", **other)]))
    assert row_of(ledger, job_id(1)) == ended(1)
    assert row_of(ledger, job_id(9)) is None


def test_new_and_known_jobs_in_one_commit(ledger: Ledger) -> None:
    ledger.commit(Records(jobs=[row(1), row(2)]))
    ledger.commit(Records(jobs=[row(4, change=6, state="running"), ended(1), row(3, change=5)]))
    assert [row_of(ledger, job_id(seq)) for seq in (1, 3, 4)] == [
        ended(1), row(3, change=5), row(4, change=6, state="running"),
    ]  # fmt: skip


def test_what_is_committed_outlives_a_restart(home: Home) -> None:
    home.restart().commit(Records(jobs=[row(1), row(2)], meta=Meta(change=2, counts={"queued": 2})))
    ledger = home.restart()
    ledger.restore()
    ledger.commit(Records(jobs=[ended(2), row(3)]))
    assert [row_of(ledger, job_id(seq)) for seq in (1, 2, 3)] == [row(1), ended(2), row(3)]


def test_a_refused_commit_writes_nothing_and_ends_the_ledger(home: Home) -> None:
    ledger = home.restart()
    ledger.restore()
    ledger.commit(Records(jobs=[row(1)]))
    with pytest.raises(LedgerFailed):
        ledger.commit(Records(jobs=[row(2), row(3, id=job_id(1))], quarantined=[QuarantineEntry(b"q", "e", 1.0)]))
    with pytest.raises(LedgerFailed):
        ledger.commit(Records(jobs=[row(2)]))
    with pytest.raises(LedgerFailed):
        row_of(ledger, job_id(1))
    after = home.restart()
    assert after.restore().quarantine == []
    assert after.look_up(LookUp(ids=[job_id(1), job_id(2), job_id(3)])).existing == {job_id(1)}
    after.commit(Records(jobs=[row(2)]))


@pytest.mark.parametrize(
    "jobs", [[row(7, id=job_id(1))], [row(7), row(7, id=job_id(8))], [ended(2)]], ids=["id", "seq", "not there"]
)
def test_what_no_dispatcher_may_write_fails(ledger: Ledger, jobs: list[Row]) -> None:
    ledger.commit(Records(jobs=[row(1), row(3)]))
    with pytest.raises(LedgerFailed):
        ledger.commit(Records(jobs=jobs))


def test_existing_tells_the_known_ids(ledger: Ledger) -> None:
    ledger.commit(Records(jobs=[row(1), row(2)]))
    assert ledger.look_up(LookUp(ids=[job_id(2), job_id(3), job_id(1)])).existing == {job_id(1), job_id(2)}
    assert ledger.look_up(LookUp(ids=[])).existing == set()


def test_keys_are_kept_replaced_and_forgotten_by_age(ledger: Ledger, reader: LedgerReader) -> None:
    old, new = KeyEntry(b"k" * 32, job_id(1), b"f", 10.0), KeyEntry(b"\0" * 32, job_id(2), b"g", 20.0)
    ledger.commit(Records(jobs=[row(1), row(2), row(3)], keys=[old, new]))
    assert ledger.look_up(LookUp(keys=[old.key, b"unknown", new.key])).keys == {old.key: old, new.key: new}
    newer = KeyEntry(old.key, job_id(3), b"h", 30.0)
    ledger.commit(Records(keys=[newer]))
    ledger.forget_keys(30.0)
    assert reader.keys([old.key, new.key]) == {old.key: newer}
    assert ledger.look_up(LookUp(keys=[])).keys == {}


def test_a_key_of_a_purged_job_is_free(ledger: Ledger, reader: LedgerReader) -> None:
    first, second = KeyEntry(b"k" * 32, job_id(1), b"f", 10.0), KeyEntry(b"k" * 32, job_id(2), b"g", 20.0)
    ledger.commit(Records(jobs=[row(1)], keys=[first]))
    ledger.commit(Records(removed=[1]))
    assert ledger.look_up(LookUp(keys=[first.key])).keys == reader.keys([first.key]) == {}
    ledger.commit(Records(jobs=[row(2)], keys=[second]))
    assert ledger.look_up(LookUp(keys=[first.key])).keys == reader.keys([first.key]) == {first.key: second}


def test_all_that_a_turn_asks_for_is_found_in_one_call(ledger: Ledger) -> None:
    key, grant = KeyEntry(b"k" * 32, job_id(1), b"f", 10.0), GrantEntry("g", 1, 50.0)
    jobs = [row(1), row(2), ended(3), ended(4)]
    ledger.commit(Records(jobs=jobs, keys=[key], grants=[grant]))
    ledger.commit(Records(removed=[4], purged=[PurgedEntry(job_id(4), 10.0)]))
    asked = LookUp(
        ids=[job_id(seq) for seq in (1, 4, 9)], repeated=[job_id(4), job_id(9)], keys=[key.key, b"unknown"],
        grants=["g", "unknown"], commands=[job_id(seq) for seq in (2, 9, 2)],
        scanned=[job_id(seq) for seq in (3, 9, 1)],
    )  # fmt: skip
    assert ledger.look_up(asked) == LookedUp(
        existing={job_id(1), job_id(4)}, keys={key.key: key}, grants={"g": grant},
        commands={job_id(2): row(2)}, reached=3, scanned=[ended(3), row(1)],
    )  # fmt: skip
    assert ledger.look_up(LookUp(ids=[job_id(4)])).existing == set(), "a purged id counts only where it is repeated"


def test_what_nobody_asks_for_is_empty(ledger: Ledger) -> None:
    ledger.commit(Records(jobs=[row(1)]))
    assert ledger.look_up(LookUp()) == LookedUp(existing=set(), keys={}, grants={}, commands={}, reached=0, scanned=[])


@pytest.mark.parametrize(("room", "reached"), [(-1, 1), (1, 1), (150, 2), (200, 2), (201, 4), (1000, 5)])
def test_commands_are_reached_until_their_rows_pass_the_room(ledger: Ledger, room: int, reached: int) -> None:
    """The row that passes it is the last; an id without a row takes none of it."""
    jobs = [row(seq, spec=b"s" * 60, outcome=b"o" * 40) for seq in (1, 2, 3, 4)]
    ledger.commit(Records(jobs=jobs))
    ids = [job_id(seq) for seq in (1, 2, 9, 3, 4)]
    found = ledger.look_up(LookUp(commands=ids, room=room))
    assert found.reached == reached
    assert found.commands == {each.id: each for each in jobs if each.id in ids[:reached]}


def test_meta_is_kept_but_the_epoch_belongs_to_the_starts(home: Home, ledger: Ledger) -> None:
    counts = {state.value: number for number, state in enumerate(State, 1)}
    ledger.commit(Records(meta=Meta(change=77, epoch=9, paused=True, counts=counts)))
    ledger.commit(Records(jobs=[row(1)]))
    assert home.restart().restore().meta == Meta(change=77, epoch=2, paused=True, counts=counts)


def test_uses_of_grants_are_kept_and_forgotten_after_their_end(home: Home, ledger: Ledger) -> None:
    ledger.commit(Records(grants=[GrantEntry("g", 1, 50.0), GrantEntry("h", 7, 20.0)]))
    ledger.commit(Records(grants=[GrantEntry("g", 2, 50.0)]))
    assert ledger.look_up(LookUp(grants=["g", "h", "i"])).grants == {
        "g": GrantEntry("g", 2, 50.0),
        "h": GrantEntry("h", 7, 20.0),
    }
    ledger.forget_grants(50.0)
    assert home.restart().look_up(LookUp(grants=["g", "h"])).grants == {"g": GrantEntry("g", 2, 50.0)}


def test_the_newest_counts_of_each_tenant_are_kept(home: Home, ledger: Ledger) -> None:
    ledger.commit(Records(tenants=[TenantEntry("b", {"queued": 2}), TenantEntry("a", {"done": 1})]))
    ledger.commit(Records(tenants=[TenantEntry("b", {"queued": 1, "dead": 1})]))
    restored = home.restart().restore().tenants
    assert [(each.tenant, {name: count for name, count in each.counts.items() if count}) for each in restored] == [
        ("a", {"done": 1}),
        ("b", {"queued": 1, "dead": 1}),
    ]
    assert all(set(each.counts) == {state.value for state in State} for each in restored)


def test_a_start_reads_what_is_in_flight(home: Home, ledger: Ledger) -> None:
    states = ["queued", "running", "delayed", "done", "failed", "dead", "cancelled", "running"]
    ledger.commit(Records(jobs=[row(seq, state=state) for seq, state in enumerate(states, 1)]))
    restored = home.restart().restore()
    assert sorted(restored.running) == [row(2, state="running"), row(8, state="running")]
    assert restored.delayed == [row(3, state="delayed")]


def test_a_start_reads_the_lanes_that_hold_queued_jobs(home: Home, ledger: Ledger) -> None:
    places = [(1, "b"), (0, "z"), (1, "a"), (1, "c"), (2, "a"), (1, "b")]
    jobs = [row(seq, priority=priority, lane=lane) for seq, (priority, lane) in enumerate(places, 1)]
    ledger.commit(Records(jobs=[*jobs, row(7, lane="idle", state="running"), ended(8, lane="over")]))
    assert home.restart().restore().lanes == [Lane(0, "z"), *(Lane(1, name) for name in "abc"), Lane(2, "a")]


def quarantined(content: bytes, at: float, engine: str = "old") -> QuarantineEntry:
    return QuarantineEntry(content, engine, at)


def test_sweeps_and_quarantine_last_until_taken_back(home: Home, ledger: Ledger) -> None:
    sweeps = [SweepEntry(job_id(seq), ("raw/aa/x", "processed/aa/x.t")) for seq in (1, 2)]
    ledger.commit(Records(jobs=[row(1)], sweeps=sweeps, quarantined=[quarantined(b"a", 3.0), quarantined(b"b", 1.0)]))
    ledger.commit(Records(quarantined=[quarantined(b"c", 2.0)]))
    ledger.commit(Records(sweeps=[SweepEntry(job_id(2), ("raw/aa/y",))], quarantined=[quarantined(b"a", 4.0, "new")]))
    ledger.commit(Records(removed=[1], swept=[job_id(1)], released=[b"b", b"never"]))
    restored = home.restart().restore()
    assert restored.sweeps == [SweepEntry(job_id(2), ("raw/aa/y",))]
    assert restored.quarantine == [quarantined(b"c", 2.0), quarantined(b"a", 4.0, "new")], "the oldest first"


def test_a_sweep_that_comes_as_another_is_done_stays(home: Home, ledger: Ledger) -> None:
    ledger.commit(Records(sweeps=[SweepEntry("j", ("raw/aa/x",))]))
    ledger.commit(Records(swept=["j"], sweeps=[SweepEntry("j", ("raw/aa/y",))]))
    assert home.restart().restore().sweeps == [SweepEntry("j", ("raw/aa/y",))]


def test_a_purged_job_is_gone(ledger: Ledger, reader: LedgerReader) -> None:
    ledger.commit(Records(jobs=[row(1), row(2)]))
    ledger.commit(Records(jobs=[ended(2)], removed=[2]))
    assert ledger.look_up(LookUp(ids=[job_id(1), job_id(2)])).existing == {job_id(1)}
    assert reader.job(job_id(2)) is None
    ledger.commit(Records(removed=[2]))


def test_a_purge_leaves_id_and_time_behind_until_it_is_forgotten(ledger: Ledger, reader: LedgerReader) -> None:
    ledger.commit(Records(jobs=[ended(seq) for seq in (1, 2)]))
    first, second = PurgedEntry(job_id(1), 10.0), PurgedEntry(job_id(2), 20.0)
    ledger.commit(Records(removed=[1], purged=[first]))
    ledger.commit(Records(removed=[2], purged=[second, PurgedEntry(first.job, 30.0)]))
    assert reader.fates([first.job, second.job]) == {first.job: PURGED, second.job: PURGED}
    assert ledger.look_up(LookUp(repeated=[first.job, job_id(3)])).existing == {first.job}
    ledger.forget_purged(20.0)
    assert reader.fates([first.job, second.job]) == {second.job: PURGED}


def test_a_tenant_that_ever_had_a_job_is_known(ledger: Ledger, reader: LedgerReader) -> None:
    assert reader.tenants() == set()
    shop, none = TenantEntry("shop", {"done": 1}), TenantEntry("gone", {})
    ledger.commit(Records(jobs=[row(1, tenant=""), row(2, tenant="shop")], tenants=[shop, none]))
    assert reader.tenants() == {"shop", "gone"}


def test_a_fate_is_the_state_or_purged_and_none_for_the_unknown(ledger: Ledger, reader: LedgerReader) -> None:
    ledger.commit(Records(jobs=[row(1), ended(2, state="dead"), ended(3)], purged=[PurgedEntry("before", 1.0)]))
    assert reader.fates([job_id(2), "before", job_id(1), job_id(9)]) == {
        job_id(1): "queued", job_id(2): "dead", "before": PURGED,
    }  # fmt: skip
    assert reader.fates([]) == {}


def test_the_first_ended_come_first(ledger: Ledger) -> None:
    ends = {1: 5.0, 2: 3.0, 3: 9.0, 4: 4.0}
    ledger.commit(Records(jobs=[*(ended(seq, ended_at=at) for seq, at in ends.items()), row(5)]))
    assert seqs(ledger.ended_before(9.0, 10)) == [2, 4, 1]
    assert seqs(ledger.ended_before(9.0, 2)) == [2, 4]
    ledger.commit(Records(jobs=[row(2, change=50)], removed=[4]))
    assert seqs(ledger.ended_before(10.0, 10)) == [1, 3]
    assert seqs(ledger.ended_before(3.0, 10)) == []


def test_queued_serves_one_lane_by_position(ledger: Ledger) -> None:
    places = {1: 5, 2: -3, 3: 7, 4: 1}
    jobs = [row(seq, position=position) for seq, position in places.items()]
    others = [row(5, lane="large"), row(6, priority=0), row(7, state="running"), row(8, state="delayed")]
    ledger.commit(Records(jobs=jobs + others))
    assert seqs(ledger.queued(1, "small", -10, 10)) == [2, 4, 1, 3]
    assert seqs(ledger.queued(1, "small", -3, 2)) == [4, 1]
    assert seqs(ledger.queued(1, "small", 7, 2)) == []


def test_readers_see_jobs_in_the_order_asked(ledger: Ledger, reader: LedgerReader) -> None:
    ledger.commit(Records(jobs=[row(1), row(2), row(3)]))
    assert seqs(reader.jobs([job_id(3), job_id(9), job_id(1)])) == [3, 1]
    assert reader.jobs([]) == []
    assert reader.job("no id of ours") is None


def test_a_batch_comes_in_file_order(ledger: Ledger, reader: LedgerReader) -> None:
    ledger.commit(Records(jobs=[row(4, batch="b"), row(3, batch="b"), row(5, batch="c"), row(6)]))
    assert seqs(reader.batch("b")) == [3, 4]
    assert reader.batch("none") == []


FILTERS = [
    (Where(), lambda found: True),
    (Where(tenant="b"), lambda found: found.tenant == "b"),
    (Where(state="done"), lambda found: found.state == "done"),
    (Where(code="c"), lambda found: found.code == "c"),
    (Where(preset="web"), lambda found: found.preset == "web"),
    (Where(reference="r"), lambda found: found.reference == "r"),
    (Where(tenant="b", reference="r"), lambda found: (found.tenant, found.reference) == ("b", "r")),
    (Where(tenant="b", state="done", reference="r"), lambda found: found[2:4] == ("b", "done") and found.reference),
    (Where(tenant="nobody"), lambda found: False),
]


def mixed(seq: int) -> Row:
    return (ended if seq % 3 else row)(
        seq,
        tenant="ab"[seq % 2],
        reference="r" if seq % 5 == 0 else None,
        preset="web" if seq % 7 == 0 else None,
    )


MIXED = [mixed(seq) for seq in range(1, 60, 2)] + [mixed(seq) for seq in range(60, 90)]


@pytest.mark.parametrize(("where", "matches"), FILTERS, ids=[repr(where) for where, _ in FILTERS])
@pytest.mark.parametrize(("limit", "scan_max"), [(50, 1000), (4, 1000), (4, 5), (5, 10)])
def test_lists_hold_each_match_once(
    ledger: Ledger, reader: LedgerReader, where: Where, matches: Callable[[Row], bool], limit: int, scan_max: int
) -> None:
    ledger.commit(Records(jobs=MIXED))
    expected = [found.seq for found in MIXED if matches(found)]
    newest = scan_through(lambda before, limit: reader.page(where, before, limit, scan_max), limit, None)
    assert newest == expected[::-1]
    oldest = scan_through(lambda after, limit: ledger.matching(where, after or 0, limit, scan_max), limit, 0)
    assert oldest == expected
    count, before = 0, None
    while True:
        found, before = reader.count(where, before, scan_max)
        count += found
        if before is None:
            break
    assert count == len(expected)


def test_a_page_that_holds_the_rest_says_so(ledger: Ledger, reader: LedgerReader) -> None:
    ledger.commit(Records(jobs=[row(1), row(2), row(3)]))
    assert reader.page(Where(), None, 3, 100)[1] is None
    assert reader.page(Where(), None, 2, 100)[1] == 2
    assert reader.page(Where(state="queued"), None, 3, 3)[1] is None
    assert ledger.matching(Where(state="queued"), 0, 3, 3)[1] is None


def test_a_scan_is_bounded(ledger: Ledger, reader: LedgerReader) -> None:
    ledger.commit(Records(jobs=[ended(1), *(row(seq) for seq in range(2, 30)), ended(30)]))
    rows, following = reader.page(Where(state="done"), 30, 5, 10)
    assert rows == []
    assert following is not None
    assert 19 <= following <= 20
    rows, following = ledger.matching(Where(state="done"), 1, 5, 10)
    assert rows == []
    assert following is not None
    assert 11 <= following <= 12
    count, following = reader.count(Where(state="done"), 31, 10)
    assert (count, following) == (1, 21)
