"""stores/opening.py: each store by its setting, in its place in DATA, and no new ledger beside an old one's files."""

from pathlib import Path

import pytest

from host.settings.settings import Settings
from jobs.errors import SetupFault
from jobs.records import Records
from stores.opening import copy_ledger, ledger_path, open_blobs, open_cache, open_ledger, open_reader, reader_of


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
