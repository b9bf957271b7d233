"""What every result cache promises: a hit is whole, everything else is a miss."""

from pathlib import Path

import pytest

from stores.cache import Cache
from stores.cache.file import FileCache
from stores.cache.memory import MemoryCache

KEY, OTHER = "0a" * 32, "0b" * 32


@pytest.fixture(params=["file", "memory"])
def cache(request: pytest.FixtureRequest, tmp_path: Path) -> Cache:
    return FileCache(tmp_path / "cache") if request.param == "file" else MemoryCache()


def test_a_value_comes_back(cache: Cache) -> None:
    assert cache.get(KEY) is None
    cache.put(KEY, b"\0value")
    cache.put(OTHER, b"other")
    assert cache.get(KEY) == b"\0value"
    cache.put(KEY, b"newer")
    assert (cache.get(KEY), cache.get(OTHER)) == (b"newer", b"other")


def test_a_value_that_was_dropped_is_a_miss_and_no_other(cache: Cache) -> None:
    cache.put(KEY, b"value")
    cache.put(OTHER, b"other")
    for _ in range(2):
        cache.drop(KEY)
    assert (cache.get(KEY), cache.get(OTHER)) == (None, b"other")


def test_an_empty_value_is_a_miss(cache: Cache) -> None:
    cache.put(KEY, b"")
    assert cache.get(KEY) is None


@pytest.mark.parametrize("broken", ["file", "memory"])
def test_a_broken_cache_only_misses(tmp_path: Path, broken: str) -> None:
    cache: Cache
    if broken == "file":
        (tmp_path / "cache").write_text("no folder")
        cache = FileCache(tmp_path / "cache")
    else:
        cache = MemoryCache()
        cache.broken = True
    cache.put(KEY, b"value")
    cache.drop(KEY)
    assert cache.get(KEY) is None
