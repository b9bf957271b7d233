"""jobs/requests/originals.py: one original, or up to a batch of them."""

import pytest

from jobs.errors import ClientFault
from jobs.limits import BATCH_JOBS_MAX
from jobs.requests.originals import named_originals


def test_one_or_many_are_named() -> None:
    assert named_originals({"original": "a"}) == ["a"]
    assert named_originals({"originals": ["a", "b"]}) == ["a", "b"]


@pytest.mark.parametrize(
    "values",
    [
        {},
        {"original": 1},
        {"originals": []},
        {"originals": [1]},
        {"originals": "ab"},
        {"original": "a", "originals": ["b"]},
    ],
)
def test_other_values_are_refused(values: dict[str, object]) -> None:
    with pytest.raises(ClientFault) as fault:
        named_originals(values)
    assert fault.value.code == "bad_parameter"


def test_more_than_a_batch_are_refused_by_the_limit() -> None:
    with pytest.raises(ClientFault) as fault:
        named_originals({"originals": ["a"] * (BATCH_JOBS_MAX + 1)})
    assert fault.value.members == {"limit": "batch_jobs_max", "allowed": BATCH_JOBS_MAX, "actual": BATCH_JOBS_MAX + 1}
