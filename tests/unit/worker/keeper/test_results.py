"""The result cache as the worker uses it: every hit is whole, everything else a miss."""

import msgspec
import pytest

from jobs.ids import is_blob
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
    assert found == ([rendition(SECOND, "large"), rendition(SECOND, "thumb")], b"")
    for name in ("large", "thumb"):
        with blobs.open(rendition(SECOND, name).blob) as file:
            assert file.read() == name.encode()


def test_the_same_job_again_hits_its_own_names(blobs: MemoryBlobs) -> None:
    assert kept(blobs).find(FIRST, spec()) == ([rendition(FIRST, "large"), rendition(FIRST, "thumb")], b"")


def test_a_hit_has_the_facts_also_without_any_rendition(blobs: MemoryBlobs) -> None:
    results = Results(MemoryCache(), blobs, ENGINE)
    results.keep(spec(), [rendition(FIRST, "large")], Run(), b"facts")
    results.keep(spec(recipe="alone"), [], Run(), b"others")
    assert results.find(SECOND, spec()) == ([rendition(SECOND, "large")], b"facts")
    assert results.find(SECOND, spec(recipe="alone")) == ([], b"others")


def test_a_source_that_is_gone_makes_it_a_miss(blobs: MemoryBlobs) -> None:
    results = kept(blobs)
    blobs.delete([rendition(FIRST, "thumb").blob])
    assert results.find(SECOND, spec()) is None


def test_a_cache_that_failed_is_asked_without_a_job_and_one_that_answers_is_not(blobs: MemoryBlobs) -> None:
    class Counted(MemoryCache):
        asked = 0

        def get(self, key: str) -> bytes | None:
            self.asked += 1
            return super().get(key)

    cache = Counted()
    results = Results(cache, blobs, ENGINE)
    results.look()
    assert cache.asked == 0
    cache.broken = True
    results.look()
    assert cache.asked == 1
    Results(None, blobs, ENGINE).look()


@pytest.mark.parametrize(
    "blob",
    [
        f"raw/{FIRST[-2:]}/{FIRST}",
        f"processed/{FIRST[-2:]}/{FIRST}.large.00000000.jpg",
        f"processed/{FIRST[-2:]}/{FIRST}.small.{DIGEST[:8]}.jpg",
        f"processed/{FIRST[-2:]}/first.large.{DIGEST[:8]}.jpg",
        f"processed/../{FIRST}.large.{DIGEST[:8]}.jpg",
        "",
    ],
)
def test_a_value_that_names_other_bytes_is_a_miss_and_links_nothing(blobs: MemoryBlobs, blob: str) -> None:
    """An original, or another rendition: whoever writes into a shared cache must not choose any bytes of the store."""
    cache, forged = MemoryCache(), msgspec.structs.replace(rendition(FIRST, "large"), blob=blob)
    if is_blob(blob):
        blobs.put(blob, b"of another tenant")
    before = blobs.names("", 100, -1.0)
    Results(cache, blobs, ENGINE).keep(spec(), [forged], Run())
    assert Results(cache, blobs, ENGINE).find(SECOND, spec()) is None
    assert blobs.names("", 100, -1.0) == before


@pytest.mark.parametrize(
    "value", [msgspec.msgpack.encode([b"x" * 4097]), b"\xff", b"\x91\x97\xa1\xc0", b"\x91" * 100_000]
)
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
