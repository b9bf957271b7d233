"""What only a cache on a disk can get wrong: torn values, foreign keys, growth."""

import os
from pathlib import Path

import pytest

from stores.cache import file
from stores.cache.file import FileCache

KEY = "0a" * 32


def stored(folder: Path) -> list[str]:
    return sorted(path.name for path in folder.rglob("*") if path.is_file())


def test_only_whole_values_lie_around(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    cache = FileCache(tmp_path)
    cache.put(KEY, b"value")

    def fail(*_: object) -> None:
        raise OSError

    monkeypatch.setattr(os, "replace", fail)
    cache.put(KEY, b"newer")
    assert cache.get(KEY) == b"value"
    assert stored(tmp_path) == [KEY]


@pytest.mark.parametrize("key", ["", "ab", "../../etc/passwd", "0A" * 32, "0a" * 65, f"{KEY}\n"])
def test_a_key_that_is_no_digest_is_a_miss(tmp_path: Path, key: str) -> None:
    cache = FileCache(tmp_path)
    cache.put(key, b"value")
    assert cache.get(key) is None
    assert stored(tmp_path) == []


def test_a_value_too_large_is_not_kept(tmp_path: Path) -> None:
    cache = FileCache(tmp_path)
    cache.put(KEY, b"x" * (file.VALUE_BYTES_MAX + 1))
    assert cache.get(KEY) is None


def test_a_full_folder_loses_its_oldest_values(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(file, "FOLDER_VALUES_MAX", 3)
    cache = FileCache(tmp_path)
    keys = [f"aa{number:06x}f" for number in range(5)]
    for number, key in enumerate(keys):
        cache.put(key, b"value")
        os.utime(tmp_path / "aa" / key, (1_000_000_000 + number, 0))
    assert stored(tmp_path) == keys
    newest = "aa0000000"
    cache.put(newest, b"value")
    assert stored(tmp_path) == sorted([*keys[3:], newest])
