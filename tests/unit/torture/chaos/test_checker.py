"""The checker of a chaos run must see each way to break a promise: a run that kept them all, spoilt in one place."""

from hashlib import sha256
from typing import Any

import pytest

from jobs.job import Original, Outcome, Rendition, Row, Spec, TimelineEntry, encode
from torture.chaos.checker import Seen, Verdict, check
from torture.chaos.clients import Entry


class Kept:
    """Two POSTs, of one and of two files, all done; tests spoil one thing and judge."""

    def __init__(self) -> None:
        self.entries = [entry("one", 0, ["a"]), entry("two", 1, ["b", "c"])]
        self.specs = {"a": spec("a", 0, 0, 1), "b": spec("b", 1, 0, 2), "c": spec("c", 2, 1, 2)}
        self.outcomes = {job: outcome(job) for job in self.specs}
        self.columns: dict[str, dict[str, Any]] = {job: {} for job in self.specs}
        self.files = {f"raw/{job}" for job in self.specs} | {blob(job) for job in self.specs}
        self.seen = {blob(job): Seen(9, digest_of(job), number) for number, job in enumerate("abc")}

    def verdict(self) -> Verdict:
        rows = [row(job, self.specs[job], self.outcomes[job], **self.columns[job]) for job in self.specs]
        return check(self.entries, rows, self.files, self.seen.__getitem__)


def digest_of(text: object) -> str:
    return sha256(str(text).encode()).hexdigest()


def blob(job: str) -> str:
    return f"processed/{job}.tiny.png"


def entry(key: str, number: int, ids: list[str], *, again: bool = False) -> Entry:
    digests = [digest_of(number + index) for index in range(len(ids))]
    return Entry(key, number, digests, ids, 1.0, 2.0, [], again)


def spec(job: str, number: int, index: int, files: int) -> Spec:
    original = Original(f"raw/{job}", "png", 32, 32, 99, digest_of(number))
    return Spec("n.png", None, None, None, "{}", original, "", files, index)


def outcome(job: str) -> Outcome:
    timeline = [TimelineEntry(1.0, "accepted", 0, None, None), TimelineEntry(3.0, "ended", 1, "w", None)]
    return Outcome(timeline, [Rendition("tiny", blob(job), "png", 16, 16, 9, digest_of(job))])


def row(job: str, its_spec: Spec, its_outcome: Outcome, **columns: Any) -> Row:
    plain = Row(
        seq=1, id=job, tenant="", state="done", priority=1, lane="", position=1, lease=1, attempts=1, change=1,
        accepted_at=1.0, ended_at=3.0, due_at=None, started_at=None, worker=None, reference=None, preset=None,
        batch=None, code=None, content=b"", spec=encode(its_spec), outcome=encode(its_outcome),
    )  # fmt: skip
    return plain._replace(**columns)


@pytest.fixture
def kept() -> Kept:
    return Kept()


def test_a_run_that_kept_every_promise_has_nothing_broken(kept: Kept) -> None:
    kept.entries.append(entry("two", 1, ["b", "c"], again=True))
    verdict = kept.verdict()
    assert verdict.broken() == []
    assert verdict.nameless == []
    assert (verdict.jobs, verdict.attempts, verdict.seconds) == (3, {1: 3}, [2.0] * 3)


def test_a_promised_job_without_a_row_is_lost(kept: Kept) -> None:
    kept.entries.append(entry("three", 3, ["d"]))
    assert len(kept.verdict().lost) == 1


@pytest.mark.parametrize(
    ("columns", "kind"),
    [
        ({"state": "queued", "ended_at": None}, "lost"),
        ({"state": "failed", "code": "undecodable"}, "lost"),
        ({"state": "dead", "code": "attempts_used_up"}, "dead"),
        ({"state": "dead", "code": "decoder_crashed"}, "quarantined"),
        ({"state": "failed", "code": "quarantined"}, "quarantined"),
        ({"attempts": 0}, "wrong"),
        ({"state": "queued", "ended_at": None, "attempts": 0}, "lost"),
    ],
)
def test_a_job_that_did_not_end_done_is_seen(kept: Kept, columns: dict[str, Any], kind: str) -> None:
    kept.columns["b"] = columns
    assert len(getattr(kept.verdict(), kind)) == 1


def test_two_ends_are_seen_and_so_is_anything_after_the_end(kept: Kept) -> None:
    kept.outcomes["a"].timeline.append(TimelineEntry(4.0, "ended", 2, "w", None))
    kept.outcomes["b"].timeline.append(TimelineEntry(4.0, "rendition", 2, "w", None))
    assert len(kept.verdict().doubled) == 2


def test_a_row_that_nobody_was_promised_is_doubled(kept: Kept) -> None:
    kept.specs["d"], kept.outcomes["d"], kept.columns["d"] = spec("d", 0, 0, 1), outcome("d"), {}
    assert len(kept.verdict().doubled) == 1


def test_a_key_with_two_answers_is_doubled_and_so_is_a_job_of_two_keys(kept: Kept) -> None:
    kept.entries.append(entry("one", 0, ["b"], again=True))
    assert len(kept.verdict().doubled) == 2


def test_a_promise_of_too_few_jobs_is_seen(kept: Kept) -> None:
    kept.entries[1].ids.pop()
    verdict = kept.verdict()
    assert (len(verdict.wrong), len(verdict.doubled)) == (1, 1)


def test_another_upload_s_original_and_place_are_seen(kept: Kept) -> None:
    kept.specs["b"] = spec("b", 5, 1, 2)
    assert len(kept.verdict().wrong) == 2


@pytest.mark.parametrize("name", ["raw/a", blob("a")])
def test_a_missing_file_is_seen(kept: Kept, name: str) -> None:
    kept.files.remove(name)
    assert len(kept.verdict().wrong) == 1


@pytest.mark.parametrize("seen", [(8, "a", 0), (9, "other", 0), (9, "a", 1), (9, "a", None)])
def test_a_rendition_that_is_cut_or_changed_or_another_s_is_seen(kept: Kept, seen: tuple[int, str, int]) -> None:
    kept.seen[blob("a")] = Seen(seen[0], digest_of(seen[1]), seen[2])
    assert len(kept.verdict().wrong) == 1


def test_renditions_too_few_too_many_and_too_large_are_seen(kept: Kept) -> None:
    kept.outcomes["a"].renditions = []
    kept.outcomes["b"].renditions *= 2
    kept.outcomes["c"].renditions = [Rendition("tiny", blob("c"), "png", 32, 32, 9, digest_of("c"))]
    assert len(kept.verdict().wrong) == 3


def test_a_file_that_no_row_names_is_seen(kept: Kept) -> None:
    kept.files |= {"raw/x", "incoming/y"}
    verdict = kept.verdict()
    assert (len(verdict.broken()), verdict.nameless) == (2, ["incoming/y", "raw/x"])
