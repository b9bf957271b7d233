"""Hostile files at a real cluster: each ends with its code, in time, and the neighbour's job with a picture."""

import re
from collections.abc import Callable, Iterator

import pytest

from jobs.limits import DECODER_BYTES_MAX
from tests.hostile import files
from tests.hostile.outcomes import answers, corpus, in_short, manifest, outcomes, sample
from tests.support.cluster import Cluster
from tests.support.images import CORPUS, TEST_DATA

pytestmark = pytest.mark.cluster
DEADLINE_SECONDS = 20
EXPECTED = {
    "png-bomb": "refused 422 pixels_over_limit",
    "png-100-megapixels": "done",
    "png-65535-wide": "done",
    "png-text-bomb": "failed undecodable",
    "png-profile-bomb": "failed undecodable",
    "jpeg-20000-scans": "failed undecodable",
    "gif-100000-frames": "failed frames_over_limit",
    "gif-huge-frame": "failed pixels_over_limit",
    "tiff-loop": "done",
    "tiff-claims": "done",
    "bmp-claims": "failed undecodable",
    "webp-claims": "refused 422 pixels_over_limit",
    "exif-loop": "done",
}
FINE = re.compile(r"done|failed (undecodable|pixels_over_limit|frames_over_limit|operation_failed)|refused 4\d\d \w+")
"""How a damaged file may end: no decoder dies of it, and nothing is tried again."""


@pytest.fixture
def cluster(new_cluster: Callable[..., Cluster]) -> Iterator[Cluster]:
    """Two workers without a result cache. In the end no decoder has died or been killed."""
    cluster = new_cluster(workers=2, cache_url="none", job_seconds=DEADLINE_SECONDS).start()
    yield cluster
    assert "decoder replaced" not in cluster.log()
    assert "Traceback" not in cluster.log()


def test_crafted_files_end_as_documented_and_their_neighbours_too(cluster: Cluster) -> None:
    neighbours = {f"neighbour {number}": (TEST_DATA / "sample.jpg").read_bytes() for number in range(8)}
    found = answers(cluster, {name: make() for name, make in files.CRAFTED.items()} | neighbours)
    assert {name: in_short(answer) for name, answer in found.items()} == EXPECTED | dict.fromkeys(neighbours, "done")
    ended = {name: answer for name, answer in found.items() if "state" in answer}
    assert {name: answer["attempts"] for name, answer in ended.items()} == dict.fromkeys(ended, 1)
    peaks = [answer["cost"]["peak_bytes"] for answer in ended.values() if answer["cost"]]
    assert max(peaks) < DECODER_BYTES_MAX


def test_damaged_files_are_pictures_or_refused(cluster: Cluster, request: pytest.FixtureRequest) -> None:
    each = 100 if request.config.getoption("--full") else 4
    found = outcomes(cluster, dict(files.damaged(seed=8, each=each)))
    assert {name: outcome for name, outcome in found.items() if not FINE.fullmatch(outcome)} == {}
    assert set(found.values()) >= {"done", "failed undecodable"}


@pytest.mark.skipif(not CORPUS.is_dir(), reason="the corpus is not beside this tree")
def test_the_corpus_ends_as_the_manifest_says(cluster: Cluster, request: pytest.FixtureRequest) -> None:
    """After a change that is meant: python -m tests.hostile.outcomes"""
    whole = corpus()
    files = whole if request.config.getoption("--full") else sample(whole, seed=8, count=120)
    assert whole.keys() == manifest().keys()
    assert outcomes(cluster, files) == {name: manifest()[name] for name in files}


def test_the_manifest_holds_no_death() -> None:
    assert {name: outcome for name, outcome in manifest().items() if not FINE.fullmatch(outcome)} == {}
