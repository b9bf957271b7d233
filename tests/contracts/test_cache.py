"""What every result cache promises: a hit is whole, everything else is a miss."""

from collections.abc import Iterator
from pathlib import Path

import pytest

from host.settings.cache_url import redis_place
from stores.cache import Cache
from stores.cache.file import VALUE_BYTES_MAX, FileCache
from stores.cache.memory import MemoryCache
from stores.cache.redis import RedisCache
from tests.support.servers.redis import RedisServer, server_or_skip

KEY, OTHER = "0a" * 32, "0b" * 32


@pytest.fixture(scope="module")
def server() -> Iterator[RedisServer]:
    found = server_or_skip("the contract of the result cache on Redis")
    yield found
    found.close()


def redis_cache(url: str) -> RedisCache:
    place = redis_place(url)
    assert place is not None
    return RedisCache(place)


@pytest.fixture(params=["file", "memory", "redis", "redis by a unix socket"])
def cache(request: pytest.FixtureRequest, tmp_path: Path) -> Cache:
    if request.param == "file":
        return FileCache(tmp_path / "cache")
    if request.param == "memory":
        return MemoryCache()
    server: RedisServer = request.getfixturevalue("server")
    with server.client() as client:
        client.flushall()
    return redis_cache(server.url if request.param == "redis" else server.unix_url)


def test_a_value_comes_back(cache: Cache) -> None:
    assert cache.get(KEY) is None
    cache.put(KEY, b"\0value")
    cache.put(OTHER, b"other")
    assert cache.get(KEY) == b"\0value"
    cache.put(KEY, b"newer")
    assert (cache.get(KEY), cache.get(OTHER)) == (b"newer", b"other")
    assert cache.failing() == ""


def test_a_value_that_was_dropped_is_a_miss_and_no_other(cache: Cache) -> None:
    cache.put(KEY, b"value")
    cache.put(OTHER, b"other")
    for _ in range(2):
        cache.drop(KEY)
    assert (cache.get(KEY), cache.get(OTHER)) == (None, b"other")
    cache.put(KEY, b"again")
    assert cache.get(KEY) == b"again"


def test_an_empty_value_is_a_miss(cache: Cache) -> None:
    cache.put(KEY, b"")
    assert cache.get(KEY) is None


@pytest.mark.parametrize("store", ["file", "redis"])
def test_keys_and_values_are_bounded(store: str, tmp_path: Path, request: pytest.FixtureRequest) -> None:
    cache: Cache = FileCache(tmp_path) if store == "file" else redis_cache(request.getfixturevalue("server").url)
    largest = bytes(range(256)) * (VALUE_BYTES_MAX // 256)
    cache.put(KEY, largest)
    cache.put(OTHER, largest + b"x")
    assert (cache.get(KEY), cache.get(OTHER)) == (largest, None)
    for key in ("", "0a", "0A" * 8, "../" * 8, "0a" * 65, "0a" * 32 + "\n"):
        cache.put(key, b"value")
        cache.drop(key)
        assert cache.get(key) is None


@pytest.mark.parametrize("broken", ["file", "memory", "redis"])
def test_a_broken_cache_only_misses(tmp_path: Path, broken: str) -> None:
    cache: Cache
    if broken == "file":
        (tmp_path / "cache").write_text("no folder")
        cache = FileCache(tmp_path / "cache")
    elif broken == "redis":
        cache = redis_cache(f"unix://{tmp_path}/none")
    else:
        cache = MemoryCache()
        cache.broken = True
    cache.put(KEY, b"value")
    cache.drop(KEY)
    assert cache.get(KEY) is None
    assert bool(cache.failing()) == (broken != "file")
