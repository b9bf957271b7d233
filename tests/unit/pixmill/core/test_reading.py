"""Answers as types: unknown members are kept, missing and wrong ones are found."""

import pickle
from typing import Any

import pytest

from pixmill import Job, Refused, Stats, Upload
from pixmill.core.errors import NotFound, refusal
from pixmill.core.reading import Unread, read
from tests.unit.pixmill.core.samples import JOB, RENDITION, UPLOAD


def test_a_job_is_read_with_all_its_parts() -> None:
    timeline = [{"at": "t", "event": "ended", "lease": 1, "worker": None, "detail": None, "new": 1}]
    error = {"code": "undecodable", "detail": "cut short"}
    job = read(Job, JOB | {"renditions": [RENDITION], "timeline": timeline, "error": error, "new": [1]})
    assert job.rendition("thumb").width == 4
    assert (job.error.code if job.error else None, job.timeline[0].event, job.cost and job.cost.cpu_ms) == (
        "undecodable",
        "ended",
        1.5,
    )
    assert (job["new"], job.timeline[0]["new"]) == ([1], 1)
    with pytest.raises(KeyError):
        job.rendition("none")


def test_answers_are_equal_and_pickled_by_what_they_say() -> None:
    upload = read(Upload, UPLOAD)
    assert upload == read(Upload, UPLOAD | {"new": 1})
    assert pickle.loads(pickle.dumps(upload)) == upload
    assert "receipt='r1.j1'" in repr(upload) and "raw" not in repr(upload)


@pytest.mark.parametrize(
    "changed",
    [
        {"id": 7},
        {"attempts": "1"},
        {"attempts": True},
        {"renditions": {}},
        {"renditions": [RENDITION | {"width": None}]},
        {"error": "no"},
        {"error": {"code": "x"}},
        {"original": None},
        {"recipe": []},
        {"cached": 1},
    ],
)
def test_what_is_of_another_type_is_found(changed: dict[str, Any]) -> None:
    with pytest.raises(Unread, match=next(iter(changed))[:4].capitalize() + "|" + next(iter(changed))):
        read(Job, JOB | changed)


def test_what_is_missing_is_found_and_what_may_be_is_not() -> None:
    without = {name: value for name, value in JOB.items() if name != "state"}
    with pytest.raises(Unread, match=r"Job\.state is missing"):
        read(Job, without)
    del JOB["timeline"], without
    try:
        assert read(Job, JOB).timeline == ()
    finally:
        JOB["timeline"] = []
    with pytest.raises(Unread, match="Stats is no object"):
        read(Stats, [])


def test_an_error_says_what_is_at_fault_and_can_be_pickled() -> None:
    error = refusal(404, {"code": "not_found", "detail": "gone", "parameter": "job"}, 3.0)
    assert isinstance(error, NotFound)
    again = pickle.loads(pickle.dumps(error))
    assert (type(again), again.status, again.code, again.field, again.retry_after, str(again)) == (
        NotFound, 404, "not_found", "job", 3.0, "gone (not_found)",
    )  # fmt: skip
    assert type(refusal(418, {})) is Refused
    assert str(refusal(418, {})) == "HTTP status 418 (unknown)"
