"""The result cache as the worker uses it: every hit is whole, everything else a miss."""

import pytest

from jobs.job import Original, Rendition, Spec
from stores.blobs.memory import MemoryBlobs
from stores.cache.memory import MemoryCache
from worker.keeper.results import Results, Run, key

FIRST, SECOND = "0" * 25 + "1", "0" * 25 + "2"
ENGINE = "engine/1"
DIGEST = "ab" * 32


def spec(tenant: str = "t", digest: str = DIGEST, recipe: str = "{}") -> Spec:
    return Spec("a.jpg", None, None, None, recipe, Original("raw/00/x", "jpeg", 1, 1, 1, digest), tenant)


@pytest.fixture
def blobs() -> MemoryBlobs:
    store = MemoryBlobs()
    for name in ("large", "thumb"):
        store.put(rendition(FIRST, name).blob, name.encode())
    return store


def rendition(job: str, name: str) -> Rendition:
    return Rendition(name, f"processed/{job[-2:]}/{job}.{name}.{DIGEST[:8]}.jpg", "jpeg", 1, 1, 5, DIGEST)


def kept(blobs: MemoryBlobs) -> Results:
    results = Results(MemoryCache(), blobs, ENGINE)
    results.keep(spec(), [rendition(FIRST, "large"), rendition(FIRST, "thumb")], Run())
    return results


def test_a_hit_gives_every_rendition_a_name_of_the_new_job(blobs: MemoryBlobs) -> None:
    found = kept(blobs).find(SECOND, spec())
    assert found == [rendition(SECOND, "large"), rendition(SECOND, "thumb")]
    for name in ("large", "thumb"):
        with blobs.open(rendition(SECOND, name).blob) as file:
            assert file.read() == name.encode()


def test_the_same_job_again_hits_its_own_names(blobs: MemoryBlobs) -> None:
    assert kept(blobs).find(FIRST, spec()) == [rendition(FIRST, "large"), rendition(FIRST, "thumb")]


def test_a_source_that_is_gone_makes_it_a_miss(blobs: MemoryBlobs) -> None:
    results = kept(blobs)
    blobs.delete([rendition(FIRST, "thumb").blob])
    assert results.find(SECOND, spec()) is None


@pytest.mark.parametrize("value", [b"\xff", b"\x91\x97\xa1\xc0", b"\x91" * 100_000])
def test_a_value_that_cannot_be_read_is_a_miss(blobs: MemoryBlobs, value: bytes) -> None:
    cache = MemoryCache()
    cache.put(key(spec(), ENGINE), value)
    assert Results(cache, blobs, ENGINE).find(SECOND, spec()) is None


def test_without_a_cache_everything_is_a_miss(blobs: MemoryBlobs) -> None:
    results = Results(None, blobs, ENGINE)
    results.keep(spec(), [rendition(FIRST, "large")], Run())
    assert results.find(SECOND, spec()) is None


def test_tenant_content_recipe_and_engine_each_tell_keys_apart() -> None:
    keys = [
        key(spec(), ENGINE), key(spec(tenant="u"), ENGINE), key(spec(digest="cd" * 32), ENGINE),
        key(spec(recipe="[]"), ENGINE), key(spec(), "engine/2"),
    ]  # fmt: skip
    assert len(set(keys)) == len(keys)


def test_what_a_decoder_made_that_went_ill_is_remembered_neither_before_nor_after(blobs: MemoryBlobs) -> None:
    results, ill, well = Results(MemoryCache(), blobs, ENGINE), Run(), Run()
    made = [rendition(FIRST, "large")]
    results.keep(spec(recipe="before"), made, ill)
    results.keep(spec(recipe="other"), made, well)
    results.spoil(ill)
    results.keep(spec(recipe="after"), made, ill)
    found = {recipe for recipe in ("before", "other", "after") if results.find(SECOND, spec(recipe=recipe))}
    assert found == {"other"}
