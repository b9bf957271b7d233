"""What every ledger promises to the broker and to web: one suite, the real one and the fake."""

import itertools
import time
from collections.abc import Callable
from typing import Any

import msgspec
import pytest

from jobs.errors import LedgerFailed
from jobs.intervals import INTERVALS_KEPT, STEP_SECONDS
from jobs.job import Row, State
from jobs.leases import NONCE_BITS
from jobs.records import (
    PURGED,
    ActionEntry,
    Aged,
    BatchCount,
    BatchEntry,
    DeadlineEntry,
    GrantEntry,
    IntervalEntry,
    KeyEntry,
    Lane,
    LookedUp,
    LookUp,
    Meta,
    PurgedEntry,
    QuarantineEntry,
    Records,
    Refill,
    SweepEntry,
    TenantEntry,
    Where,
)
from stores.ledger import Ledger, LedgerReader
from tests.contracts.conftest import Home, MemoryHome
from tests.contracts.rows import ended, job_id, row, row_of

Page = Callable[[int | None, int], tuple[list[Row], int | None]]


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
    epoch = 0
    for _ in range(3):
        restored = home.restart().restore()
        assert restored.meta.epoch > epoch
        epoch = restored.meta.epoch
        assert restored.meta == Meta(epoch=epoch, counts={state.value: 0 for state in State})
    assert (restored.running, restored.delayed, restored.lanes) == ([], [], [])
    assert (restored.sweeps, restored.quarantine) == ([], [])


def test_who_just_took_the_term_may_believe_in_it(ledger: Ledger) -> None:
    assert ledger.believed_until > time.monotonic()


def test_each_term_of_a_real_ledger_has_a_nonce_and_an_epoch_above_all_seconds_so_far(home: Home) -> None:
    before, terms = time.time(), [home.restart().restore() for _ in range(3)]
    if isinstance(home, MemoryHome):
        assert [term.nonce for term in terms] == [0, 0, 0]
        return
    assert len({term.nonce for term in terms}) == 3
    assert all(0 <= term.nonce < 1 << NONCE_BITS for term in terms)
    assert all(term.meta.epoch >= int(before) for term in terms)


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
    first = home.restart().restore().meta
    assert first == Meta(change=77, epoch=first.epoch, paused=True, counts=counts)
    home.restart().commit(Records(meta=Meta(change=78, epoch=9)))
    assert home.restart().restore().meta.epoch > first.epoch


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


def test_ended_jobs_are_walked_over_in_the_order_of_their_ends(ledger: Ledger) -> None:
    ends = {1: 5.0, 2: 3.0, 3: 9.0, 4: 5.0, 6: 4.0}
    jobs = [ended(seq, ended_at=at, tenant=f"t{seq}") for seq, at in ends.items()]
    ledger.commit(Records(jobs=[*jobs, row(7)]))
    found = ledger.ended_after((0.0, 0), 9.0, 10)
    assert found == [
        Aged(3.0, 2, job_id(2), "t2"), Aged(4.0, 6, job_id(6), "t6"),
        Aged(5.0, 1, job_id(1), "t1"), Aged(5.0, 4, job_id(4), "t4"),
    ]  # fmt: skip
    assert ledger.ended_after((0.0, 0), 9.0, 2) == found[:2]
    assert ledger.ended_after((5.0, 1), 9.0, 10) == found[3:], "of jobs that ended together none is left out"
    assert ledger.ended_after((5.0, 4), 9.0, 10) == []
    assert [each.seq for each in ledger.ended_after((5.0, 4), 9.5, 10)] == [3]


def test_pauses_of_tenants_outlast_a_start(ledger: Ledger) -> None:
    assert ledger.restore().paused == []
    ledger.commit(Records(paused=["b", "a"]))
    ledger.commit(Records(paused=["b", "ä"]))
    assert ledger.restore().paused == ["a", "b", "ä"]
    ledger.commit(Records(paused=["c"], resumed=["b", "never"]))
    assert ledger.restore().paused == ["a", "c", "ä"]


def test_queued_serves_each_lane_by_position(ledger: Ledger) -> None:
    places = {1: 5, 2: -3, 3: 7, 4: 1}
    jobs = [row(seq, position=position) for seq, position in places.items()]
    others = [row(5, lane="large"), row(6, priority=0), row(7, state="running"), row(8, state="delayed")]
    ledger.commit(Records(jobs=jobs + others))
    small = Lane(1, "small")
    asked = [Refill(small, -10, 10), Refill(Lane(0, "small"), 0, 1), Refill(small, -3, 2), Refill(small, 7, 2)]
    assert [seqs(rows) for rows in ledger.queued(asked)] == [[2, 4, 1, 3], [6], [4, 1], []]


def test_readers_see_jobs_in_the_order_asked(ledger: Ledger, reader: LedgerReader) -> None:
    ledger.commit(Records(jobs=[row(1), row(2), row(3)]))
    assert seqs(reader.jobs([job_id(3), job_id(9), job_id(1)])) == [3, 1]
    assert reader.jobs([]) == []
    assert reader.job("no id of ours") is None


def test_each_change_and_each_start_makes_a_later_mark(home: Home, ledger: Ledger, reader: LedgerReader) -> None:
    marks = [reader.mark()]
    for change in (7, 8):
        ledger.commit(Records(jobs=[row(change)], meta=Meta(change=change)))
        marks.append(reader.mark())
        assert marks[-1].change == change
    restored = home.restart().restore().meta
    marks.append(home.reader().mark())
    assert marks[-1] == (restored.epoch, 8)
    assert marks == sorted(set(marks))


def test_a_batch_comes_in_file_order(ledger: Ledger, reader: LedgerReader) -> None:
    ledger.commit(Records(jobs=[row(4, batch="b"), row(3, batch="b"), row(5, batch="c"), row(6)]))
    assert seqs(reader.batch("b")) == [3, 4]
    assert reader.batch("none") == []


def test_a_batch_is_counted_by_tenant_and_state(ledger: Ledger, reader: LedgerReader) -> None:
    other = row(3, batch="b")._replace(tenant="other")
    ledger.commit(Records(jobs=[row(1, batch="b"), row(2, batch="b"), other, ended(4, batch="b"), row(5, batch="c")]))
    tenant = row(1).tenant
    assert reader.batch_counts("b") == {(tenant, "queued"): 2, ("other", "queued"): 1, (tenant, "done"): 1}
    assert reader.batch_counts("none") == {}


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
    (Where(accepted_after=600.0), lambda found: found.accepted_at >= 600),
    (Where(accepted_before=600.0), lambda found: found.accepted_at < 600),
    (Where(accepted_after=600.0, accepted_before=1200.0), lambda found: 600 <= found.accepted_at < 1200),
    (Where(accepted_after=1200.0, accepted_before=600.0), lambda found: False),
    (Where(accepted_before=20.0), lambda found: False),
    (Where(accepted_after=0.0, accepted_before=9e9), lambda found: True),
    (Where(accepted_after=9e9), lambda found: False),
    (Where("b", "done", accepted_after=600.0), lambda found: found[2:4] == ("b", "done") and found.accepted_at >= 600),
    (Where("b", reference="r", accepted_before=1200.0), lambda found: found[2] == "b" and found[15] and found[0] < 60),
]


def mixed(seq: int) -> Row:
    return (ended if seq % 3 else row)(
        seq,
        tenant="ab"[seq % 2],
        reference="r" if seq % 5 == 0 else None,
        preset="web" if seq % 7 == 0 else None,
        accepted_at=20.0 * seq,
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


@pytest.mark.parametrize(
    "seconds", [[5.0, 1.0], [1.0, 5.0, 4.0, 11.0, 2.0, 12.0, 9.0], [7.0] * 5, [0.0, 30.0, 20.0, 60.0]]
)
def test_a_clock_that_was_set_back_by_some_seconds_hides_no_job(
    ledger: Ledger, reader: LedgerReader, seconds: list[float]
) -> None:
    jobs = [row(3 * place + 1, accepted_at=at) for place, at in enumerate(seconds)]
    ledger.commit(Records(jobs=jobs))
    for after, before in itertools.product({0.0, *seconds}, {99.0, *seconds}):
        where = Where(accepted_after=after, accepted_before=before)
        expected = [found.seq for found in jobs if after <= found.accepted_at < before]
        assert seqs(ledger.matching(where, 0, 50, 50)[0]) == expected
        assert seqs(reader.page(where, None, 50, 50)[0]) == expected[::-1]
        assert reader.count(where, None, 50)[0] == len(expected)


def test_jobs_outside_of_a_time_do_not_count_as_scanned(ledger: Ledger, reader: LedgerReader) -> None:
    ledger.commit(Records(jobs=[row(seq, accepted_at=100.0 * seq) for seq in range(1, 60)]))
    where = Where(state="queued", accepted_after=2000.0, accepted_before=2300.0)
    rows, following = reader.page(where, None, 5, 5)
    assert (seqs(rows), following) == ([22, 21, 20], None)
    assert (seqs(ledger.matching(where, 0, 5, 5)[0]), ledger.matching(where, 0, 5, 5)[1]) == ([20, 21, 22], None)
    assert reader.count(where, None, 5) == (3, None)


def finished(ledger: Ledger, *ids: str, at: float = 1e10) -> list[BatchEntry]:
    return [found.entry for found in ledger.finished_batches([*ids], at)]


def test_a_batch_has_finished_when_all_its_jobs_have_and_it_was_not_written(ledger: Ledger) -> None:
    entries = [BatchEntry(name, "t", 1.0) for name in ("a", "b", "c", "d")]
    jobs = [row(1, batch="a"), ended(2, batch="a"), ended(3, batch="b"), row(4, batch="c"), ended(5)]
    ledger.commit(Records(jobs=jobs, batches=entries))
    assert finished(ledger, "a", "b", "d", "none") == [entries[1], entries[3]]
    assert finished(ledger) == []
    assert ledger.unended_batches("", 3) == ["a", "b", "c"]
    assert ledger.unended_batches("b", 3) == ["c", "d"]
    ledger.commit(Records(batches=[BatchEntry("b", "t", 1.0, 9.0)], jobs=[ended(1, batch="a")], removed=[4]))
    assert finished(ledger, "a", "b", "c") == [entries[0], entries[2]]
    assert ledger.unended_batches("", 9) == ["a", "c", "d"]
    ledger.commit(Records(batches=[BatchEntry("d", "t", 1.0, 7.0)]))
    ledger.forget_batches(8.0)
    assert finished(ledger, "d") == []
    ledger.commit(Records(batches=[entries[3]]))
    assert ledger.unended_batches("c", 9) == ["d"]


def test_a_batch_keeps_whose_it_is_when_it_was_made_and_who_is_told(ledger: Ledger, reader: LedgerReader) -> None:
    ledger.commit(Records(batches=[BatchEntry("a", "t", 1.0, None, 9.0, b"hooks")]))
    ledger.commit(Records(batches=[BatchEntry("a", "u", 2.0, 3.0, None, b"others")]))
    assert reader.batch_entry("a") == BatchEntry("a", "t", 1.0, 3.0, None, b"hooks")


def test_the_jobs_of_a_batch_are_counted_where_somebody_is_told(ledger: Ledger, reader: LedgerReader) -> None:
    told, untold = BatchEntry("a", "t", 1.0, hooks=b"hooks"), BatchEntry("b", "t", 1.0)
    empty = BatchEntry("c", "t", 1.0, hooks=b"")
    failed = ended(2, batch="a")._replace(state="failed")
    ledger.commit(
        Records(
            jobs=[ended(1, batch="a"), failed, ended(3, batch="a"), ended(4, batch="b")], batches=[told, untold, empty]
        )
    )
    found = ledger.finished_batches(["a", "b", "c"], 1e10)
    assert found == [BatchCount(told, {"done": 2, "failed": 1}), BatchCount(untold, {}), BatchCount(empty, {})]
    assert [reader.batch_entry(batch) for batch in ("a", "c", "none")] == [told, empty, None]


def test_an_open_batch_has_not_finished_before_its_time(ledger: Ledger) -> None:
    entries = [BatchEntry(name, "t", 1.0, None, until) for name, until in (("a", 8.0), ("b", 7.0), ("c", 7.0))]
    ledger.commit(Records(batches=[*entries, BatchEntry("d", "t", 1.0), BatchEntry("e", "t", 1.0, 2.0, 3.0)]))
    assert ledger.open_batches((0.0, ""), 9) == [(7.0, "b"), (7.0, "c"), (8.0, "a")]
    assert ledger.open_batches((0.0, ""), 1) == [(7.0, "b")]
    assert ledger.open_batches((7.0, "b"), 9) == [(7.0, "c"), (8.0, "a")]
    assert finished(ledger, "a", "b", at=7.0) == [entries[1]]
    assert finished(ledger, "a", "b", at=6.9) == []
    ledger.commit(Records(batches=[msgspec.structs.replace(entries[0], open_until=None)]))
    assert ledger.open_batches((7.0, "c"), 9) == []
    assert [entry.batch for entry in finished(ledger, "a", at=1.0)] == ["a"]


def test_a_start_counts_the_open_batches_of_each_tenant(ledger: Ledger) -> None:
    assert ledger.restore().open_batches == {}
    opened = [BatchEntry(name, tenant, 1.0, None, 9.0) for name, tenant in (("a", "t"), ("b", ""), ("c", "t"))]
    others = [BatchEntry("d", "t", 1.0), BatchEntry("e", "t", 1.0, 2.0, 3.0)]
    ledger.commit(Records(batches=[*opened, *others]))
    assert ledger.restore().open_batches == {"t": 2, "": 1}
    ledger.commit(Records(batches=[msgspec.structs.replace(opened[0], open_until=None)]))
    assert ledger.restore().open_batches == {"t": 1, "": 1}


def test_a_batch_is_looked_up_with_the_number_of_its_jobs(ledger: Ledger) -> None:
    entry, empty = BatchEntry("a", "t", 1.0, None, 9.0, b"h"), BatchEntry("b", "t", 1.0)
    ledger.commit(Records(jobs=[row(1, batch="a"), ended(2, batch="a"), row(3)], batches=[entry, empty]))
    assert ledger.look_up(LookUp(batches=["a", "b", "none"])).batches == {"a": (entry, 2), "b": (empty, 0)}
    assert ledger.look_up(LookUp()).batches == {}


def test_deadlines_come_in_order(ledger: Ledger) -> None:
    entries = [DeadlineEntry(seq, at) for seq, at in ((1, 9.0), (2, 5.0), (3, None), (4, 7.0))]
    ledger.commit(Records(jobs=[row(seq) for seq in (1, 2, 3, 4, 5)], deadlines=entries))
    assert ledger.expiring(10) == [row(2), row(4), row(1)]
    assert seqs(ledger.expiring(2)) == [2, 4]
    ledger.commit(Records(deadlines=[DeadlineEntry(2, None), DeadlineEntry(4, 7.0), DeadlineEntry(3, None)]))
    assert seqs(ledger.expiring(10)) == [4, 1]
    ledger.commit(Records(deadlines=[DeadlineEntry(2, 5.0), DeadlineEntry(1, 9.0), DeadlineEntry(1, None)]))
    assert seqs(ledger.expiring(10)) == [2, 4]


def test_an_empty_ledger_has_no_time(ledger: Ledger, reader: LedgerReader) -> None:
    where = Where(accepted_after=5.0, accepted_before=9.0)
    assert reader.page(where, None, 5, 5) == ([], None)
    assert ledger.matching(where, 0, 5, 5) == ([], None)
    assert reader.count(where, None, 5) == (0, None)


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


def acted(number: int, **changed: Any) -> ActionEntry:
    """An action of that job's time, with every member that `changed` does not name at a plain value."""
    values = {"who": "0123abcd", "verb": "cancel", "filter": "{}", "count": 1, "at": float(number)}
    return ActionEntry(job_id(number), **{**values, **changed})


def write(ledger: Ledger, *entries: ActionEntry) -> None:
    ledger.commit(Records(actions={entry.id: entry for entry in entries}))


def test_actions_come_back_newest_first_in_pages(home: Home, ledger: Ledger) -> None:
    entries = [acted(1, filter='{"reference":"\\u0000é"}', who=""), acted(2, count=0), acted(3, verb="pause")]
    write(ledger, entries[2], entries[0])
    write(ledger, entries[1])
    reader = home.reader()
    assert reader.actions(None, 9) == entries[::-1]
    assert reader.actions(None, 2) == [entries[2], entries[1]]
    assert reader.actions(entries[1].id, 9) == [entries[0]]
    assert reader.actions(entries[0].id, 9) == []


def test_the_count_of_a_known_action_is_added_and_nothing_else_changes(ledger: Ledger, reader: LedgerReader) -> None:
    write(ledger, acted(1, count=3), acted(2))
    write(ledger, acted(1, count=4, who="other", verb="purge", filter='{"a":1}', at=9.0), acted(3))
    assert reader.actions(None, 9) == [acted(3), acted(2), acted(1, count=7)]


def test_an_action_is_written_with_its_change_or_not_at_all(home: Home) -> None:
    ledger = home.restart()
    ledger.restore()
    with pytest.raises(LedgerFailed):
        ledger.commit(Records(jobs=[row(1), row(1)], actions={job_id(1): acted(1)}))
    home.restart().restore()
    assert home.reader().actions(None, 9) == []


def at(*steps: int, figures: bytes = b"\x00") -> Records:
    """The intervals that begin at so many times five minutes."""
    return Records(intervals=[IntervalEntry(STEP_SECONDS * step, figures) for step in steps])


def begins(reader: LedgerReader, after: int = 0) -> list[int]:
    """When those begin that are kept, in steps."""
    return [entry.at // STEP_SECONDS for entry in reader.intervals(STEP_SECONDS * after)]


def test_an_interval_is_written_again_and_the_newest_is_restored(ledger: Ledger, reader: LedgerReader) -> None:
    assert ledger.restore().interval is None
    ledger.commit(at(7, 8))
    ledger.commit(at(8, figures=b"\x92more"))
    newest = IntervalEntry(STEP_SECONDS * 8, b"\x92more")
    assert reader.intervals(0) == [IntervalEntry(STEP_SECONDS * 7, b"\x00"), newest]
    assert reader.intervals(STEP_SECONDS * 7) == [newest]
    assert ledger.restore().interval == newest


def test_intervals_are_kept_for_a_day(ledger: Ledger, reader: LedgerReader) -> None:
    for step in range(1, INTERVALS_KEPT + 3):
        ledger.commit(at(step))
    assert begins(reader) == [*range(3, INTERVALS_KEPT + 3)]
    assert begins(reader, INTERVALS_KEPT) == [INTERVALS_KEPT + 1, INTERVALS_KEPT + 2]
    ledger.commit(at(10 * INTERVALS_KEPT))
    assert begins(reader) == [10 * INTERVALS_KEPT]


def test_a_clock_that_was_put_back_leaves_no_interval_of_later(ledger: Ledger, reader: LedgerReader) -> None:
    ledger.commit(at(5, 6, 90))
    ledger.commit(at(6))
    assert begins(reader) == [5, 6]


def test_the_oldest_actions_are_forgotten_by_number_and_by_age(ledger: Ledger, reader: LedgerReader) -> None:
    ledger.forget_actions(1e9, 3)
    write(ledger, *(acted(number) for number in range(1, 8)))
    ledger.forget_actions(0.0, 7)
    assert len(reader.actions(None, 9)) == 7
    ledger.forget_actions(0.0, 5)
    assert [entry.at for entry in reader.actions(None, 9)] == [7.0, 6.0, 5.0, 4.0, 3.0]
    ledger.forget_actions(5.0, 5)
    assert [entry.at for entry in reader.actions(None, 9)] == [7.0, 6.0, 5.0]
    ledger.forget_actions(0.0, 0)
    assert reader.actions(None, 9) == []
