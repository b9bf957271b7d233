"""Hostile files at a real cluster: each ends with its code, in time, and the neighbour's job with a picture."""

import io
import re
import subprocess
import sys
from collections.abc import Iterator

import pytest
from PIL import Image

from host.settings.extras import formats_read
from jobs.images.formats import HEIC
from jobs.limits import DECODER_BYTES_MAX
from tests.support.clusters.cluster import ROOT, Cluster
from tests.support.pictures import hostile
from tests.support.pictures.images import CORPUS, TEST_DATA, one
from tests.support.pictures.outcomes import answers, corpus, in_short, manifest, outcomes, sample
from worker.images import imagefile
from worker.images.pipeline import run
from worker.images.reading import PipelineLimits

pytestmark = pytest.mark.cluster
DEADLINE_SECONDS = 20
EXPECTED = {
    "png-bomb": "refused 422 pixels_over_limit",
    "png-100-megapixels": "done",
    "png-65535-wide": "done",
    "png-text-bomb": "done",
    "png-profile-bomb": "done",
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


@pytest.fixture(scope="module")
def two_workers(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Cluster]:
    """Two workers without a result cache."""
    cluster = Cluster(tmp_path_factory.mktemp("files"), workers=2, cache_url="none", job_seconds=DEADLINE_SECONDS)
    try:
        yield cluster.start()
    finally:
        cluster.stop()


@pytest.fixture
def cluster(two_workers: Cluster) -> Iterator[Cluster]:
    """In the end no decoder has died or been killed."""
    yield two_workers
    assert "decoder_died" not in two_workers.log() and "decoder_replaced" not in two_workers.log()
    assert "Traceback" not in two_workers.log()


def test_crafted_files_end_as_documented_and_their_neighbours_too(cluster: Cluster) -> None:
    neighbours = {f"neighbour {number}": (TEST_DATA / "sample.jpg").read_bytes() for number in range(8)}
    found = answers(cluster, {name: make() for name, make in hostile.CRAFTED.items()} | neighbours)
    assert {name: in_short(answer) for name, answer in found.items()} == EXPECTED | dict.fromkeys(neighbours, "done")
    ended = {name: answer for name, answer in found.items() if "state" in answer}
    assert {name: answer["attempts"] for name, answer in ended.items()} == dict.fromkeys(ended, 1)
    peaks = [answer["cost"]["peak_bytes"] for answer in ended.values() if answer["cost"]]
    assert max(peaks) < DECODER_BYTES_MAX


def test_damaged_files_are_pictures_or_refused(cluster: Cluster, full: bool) -> None:
    each = 100 if full else 4
    found = outcomes(cluster, dict(hostile.damaged(seed=8, each=each)))
    assert {name: outcome for name, outcome in found.items() if not FINE.fullmatch(outcome)} == {}
    assert set(found.values()) >= {"done", "failed undecodable"}


@pytest.mark.skipif(not CORPUS.is_dir(), reason="the corpus is not beside this tree")
def test_the_corpus_ends_as_the_manifest_says(cluster: Cluster, full: bool) -> None:
    """After a change that is meant: python -m tests.support.pictures.outcomes"""
    whole = corpus()
    hostile = whole if full else sample(whole, seed=8, count=120)
    assert whole.keys() == manifest().keys()
    assert outcomes(cluster, hostile) == {name: manifest()[name] for name in hostile}


def test_no_other_plugin_is_registered() -> None:
    """In a process of its own: other tests may load more."""
    script = "from worker.images import imagefile; from PIL import Image; print(sorted(Image.OPEN), sorted(Image.ID))"
    done = subprocess.run([sys.executable, "-c", script], cwd=ROOT, capture_output=True, text=True, check=True)
    formats = sorted(hostile.FORMATS.values()) + (["HEIF"] if HEIC in formats_read() else [])
    assert done.stdout == f"{sorted(formats)} {sorted(formats)}\n"


def test_a_format_that_pillow_knows_is_still_refused_by_name() -> None:
    """The registry alone is no wall: each file is opened with its one format named."""
    with pytest.raises(SyntaxError, match="not a PNG file"):
        imagefile.open_image(io.BytesIO(hostile.written("gif")), "png")


def test_pillows_own_guard_is_never_off() -> None:
    list(run(io.BytesIO(hostile.written("png")), one(width=8), PipelineLimits(50_000_000, 1)))
    assert Image.MAX_IMAGE_PIXELS == 50_000_000


def test_dangerous_parts_of_pillow_are_not_used() -> None:
    named = re.compile(r"ImageMath\.(?!lambda_eval\()|ImageShow|ImageFont|unsafe_eval|\.show\(|LOAD_TRUNCATED_IMAGES")
    assert [path.name for path in sorted((ROOT / "worker").rglob("*.py")) if named.search(path.read_text())] == []


def test_the_manifest_holds_no_death() -> None:
    assert {name: outcome for name, outcome in manifest().items() if not FINE.fullmatch(outcome)} == {}
