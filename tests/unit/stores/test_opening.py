"""stores/opening.py: each store by its setting, in its place in DATA, and no new ledger beside an old one's files."""

import sys
from collections.abc import Iterator
from pathlib import Path
from types import ModuleType

import pytest

from host.files.folders import try_lock
from host.settings.buckets import Bucket
from host.settings.settings import Settings
from jobs.errors import LedgerFailed, SetupFault, StoreFault
from jobs.records import Records
from stores.ledger.postgres.term import TERM_SECONDS
from stores.opening import (
    copy_ledger,
    ledger_path,
    open_blobs,
    open_cache,
    open_candidate,
    open_ledger,
    open_objects,
    open_reader,
    reader_of,
)


@pytest.fixture
def settings(tmp_path: Path) -> Settings:
    return Settings(data=str(tmp_path))


def test_the_ledger_lies_in_data() -> None:
    assert str(ledger_path(Settings(data="d"))) == "d/ledger.sqlite3"


@pytest.mark.parametrize(
    ("files", "recorded", "had"),
    [
        ([], False, False),
        (["raw/ab/first"], False, False),
        ([], True, False),
        (["raw/ab/queued"], True, True),
        (["processed/ab/made"], False, True),
    ],
)
def test_a_ledger_is_made_only_where_none_was_before(
    settings: Settings, files: list[str], recorded: bool, had: bool
) -> None:
    for file in files:
        open_blobs(settings).put(file, b"bytes")
    if had:
        with pytest.raises(SetupFault, match="is missing or empty, but files of its jobs exist"):
            open_ledger(settings, recorded=recorded)
    else:
        open_ledger(settings, recorded=recorded).close()
        assert ledger_path(settings).exists()


def test_brokers_on_several_machines_do_not_each_have_a_ledger_of_their_own(tmp_path: Path) -> None:
    def opened(brokers: str, ledger_url: str = "") -> None:
        open_candidate(Settings(data=str(tmp_path), brokers=brokers, ledger_url=ledger_url), tmp_path, lambda: False)

    two = "tcp://10.0.0.5:5555,tcp://10.0.0.6:5555"
    with pytest.raises(SetupFault, match="set PIXMILL_LEDGER_URL on all of them"):
        opened(two)
    opened(two, "postgresql://user:word@127.0.0.1:1/base")
    opened("tcp://10.0.0.5:5555,tcp://10.0.0.5:6555")
    opened("2")


@pytest.mark.usefixtures("until_its_end")
def test_a_ledger_on_a_server_has_its_own_term_behind_the_locks_of_this_machine(tmp_path: Path) -> None:
    (tmp_path / "run").mkdir()
    settings = Settings(data=str(tmp_path), ledger_url="postgresql://user:word@127.0.0.1:1/base")
    candidate = open_candidate(settings, tmp_path / "run", lambda: False)
    assert "base on 127.0.0.1:1" in candidate.refusal
    assert "word" not in candidate.refusal
    assert candidate.predecessor_seconds > TERM_SECONDS
    with pytest.raises(LedgerFailed, match="cannot be reached"):
        candidate.take()
    for folder in (tmp_path, tmp_path / "run"):
        assert try_lock(folder / "broker.lock") is not None, "the locks are free again"
    reader = open_reader(settings)
    with pytest.raises(StoreFault, match="cannot be read"):
        reader.tenants()
    with pytest.raises(SetupFault, match="pg_dump"):
        copy_ledger(settings, tmp_path / "copy")


def test_each_bucket_has_one_client_for_all_objects(monkeypatch: pytest.MonkeyPatch) -> None:
    made: list[str] = []

    class Driver:
        def __init__(self, place: Bucket) -> None:
            assert not place.prefix
            made.append(place.name)

        def pieces(self, key: str) -> Iterator[bytes]:
            yield key.encode()

    module = ModuleType("stores.blobs.s3.driver")
    module.__dict__["Driver"] = Driver
    monkeypatch.setitem(sys.modules, module.__name__, module)
    objects = open_objects(Settings(blobs_url="s3://pix/blobs"))
    assert objects is not None
    assert [b"".join(objects(name, key)) for name, key in (("shop", "a"), ("shop", "b"), ("other", "c"))] == [
        b"a", b"b", b"c",
    ]  # fmt: skip
    assert made == ["shop", "other"]


def without(monkeypatch: pytest.MonkeyPatch, driver: str, store: str) -> None:
    """As if the driver were not installed, and the store not imported yet. At the end both are as before, also as
    attributes of their packages, by which other tests find them."""
    imported = [name for name in sys.modules if name == store or name.startswith(f"{store}.")]
    for name in imported:
        package, _, member = name.rpartition(".")
        monkeypatch.delattr(sys.modules[package], member, raising=False)
    for name in imported:
        monkeypatch.delitem(sys.modules, name)
    monkeypatch.setitem(sys.modules, driver, None)


def test_a_missing_driver_is_named_with_the_extra_that_brings_it(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    without(monkeypatch, "psycopg", "stores.ledger.postgres")
    settings = Settings(data=str(tmp_path), ledger_url="postgresql://host/base")
    with pytest.raises(SetupFault, match="needs the package psycopg: install the extra `stores`"):
        open_candidate(settings, tmp_path, lambda: False)


def test_readers_and_a_copy_are_of_the_ledger_that_is_written(settings: Settings, tmp_path: Path) -> None:
    ledger = open_ledger(settings, recorded=False)
    ledger.commit(Records())
    copy_ledger(settings, tmp_path / "copy")
    ledger.close()
    for reader in (open_reader(settings), open_reader(settings, wait_seconds=0.0), reader_of(tmp_path / "copy")):
        assert reader.tenants() == set()
        reader.close()


def test_blobs_and_results_lie_in_data(settings: Settings, tmp_path: Path) -> None:
    open_blobs(settings).put("raw/ab/one", b"bytes")
    assert (tmp_path / "raw/ab/one").read_bytes() == b"bytes"
    cache = open_cache(settings)
    assert cache is not None
    cache.put("0a" * 32, b"result")
    assert (tmp_path / "cache/0a" / ("0a" * 32)).read_bytes() == b"result"


def test_the_cache_may_be_none(settings: Settings) -> None:
    assert open_cache(Settings(data=settings.data, cache_url="none")) is None


def test_a_cache_on_a_server_is_opened_without_a_look_at_it(tmp_path: Path) -> None:
    cache = open_cache(Settings(cache_url=f"unix://{tmp_path}/none"))
    assert cache is not None and cache.failing() == ""


def test_a_missing_driver_is_a_fault_that_says_what_to_install(monkeypatch: pytest.MonkeyPatch) -> None:
    without(monkeypatch, "redis", "stores.cache.redis")
    with pytest.raises(
        SetupFault, match=r"redis is not installed, and PIXMILL_CACHE_URL needs it.*pixmill\[roles,stores\]"
    ):
        open_cache(Settings(cache_url="redis://cache"))


def test_blobs_in_a_bucket_without_the_driver_say_what_to_install(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    without(monkeypatch, "obstore", "stores.blobs.s3")
    with pytest.raises(SetupFault, match="obstore is not installed, and PIXMILL_BLOBS_URL needs it: install the extra"):
        open_blobs(Settings(data=str(tmp_path), blobs_url="s3://pix"))
