"""A back-up: what is copied, what is removed, what is refused, and that it is good at every moment."""

import io
import os
import shutil
from pathlib import Path

import msgspec
import pytest
from PIL import Image

from host.files.recipes import load_recipes
from host.settings.settings import Settings
from jobs.errors import SetupFault
from jobs.records import LookUp, Records
from stores import backup
from stores.backup import back_up, left_out
from stores.ledger.sqlite import open_ledger
from tests.contracts.rows import job_id, row, row_of

MARKS = """# the shop's own is "{shop}"
[watermarks]
shop = "{shop}"
blog = '{blog}'
again = "../blog/logo.png"
plain = "logo.png"
deep = "elsewhere/logo.png"
[[presets.default.renditions]]
name = "small"
watermark = {{name = "blog"}}
"""


@pytest.fixture
def data(tmp_path: Path) -> Path:
    data = tmp_path / "data"
    for name in ("raw/ab/one", "raw/cd/two", "processed/ab/one.thumb.12345678.jpg"):
        put(data / name, name.encode())
    put(data / "key.secret", b"secret")
    put(data / "incoming/on-its-way", b"")
    ledger = open_ledger(data / "ledger.sqlite3")
    ledger.commit(Records(jobs=[row(1)]))
    ledger.close()
    return data


@pytest.fixture
def settings(data: Path) -> Settings:
    return Settings(data=str(data))


@pytest.fixture
def to(tmp_path: Path) -> Path:
    return tmp_path / "backup"


def put(path: Path, content: bytes) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_bytes(content)


def files(folder: Path) -> dict[str, bytes]:
    """All files of raw and processed."""
    paths = [path for part in ("raw", "processed") for path in (folder / part).rglob("*") if path.is_file()]
    return {str(path.relative_to(folder)): path.read_bytes() for path in paths}


def test_all_that_lasts_is_copied(settings: Settings, data: Path, to: Path) -> None:
    assert back_up(settings, to) == 3
    assert files(to) == files(data)
    assert sorted(os.listdir(to)) == ["key.secret", "ledger.sqlite3", "processed", "raw", "recipes"]
    copy = open_ledger(to / "ledger.sqlite3", make=False)
    assert row_of(copy, job_id(1)) == row(1)
    copy.close()


def test_keys_are_copied_with_their_modes_and_one_that_was_taken_back_is_let_in_by_no_copy(
    settings: Settings, data: Path, to: Path
) -> None:
    curve = data / "curve"
    for name in ("broker.secret", "allowed/one.key", "allowed/two.key"):
        put(curve / name, name.encode())
    curve.chmod(0o700)
    (curve / "broker.secret").chmod(0o600)
    back_up(settings, to)
    assert (to / "curve").stat().st_mode & 0o777 == 0o700
    assert (to / "curve/broker.secret").stat().st_mode & 0o777 == 0o600
    (curve / "allowed/two.key").unlink()
    back_up(settings, to)
    kept = sorted(str(path.relative_to(to)) for path in (to / "curve").rglob("*") if path.is_file())
    assert kept == ["curve/allowed/one.key", "curve/broker.secret"]


def test_what_a_writer_committed_and_has_not_moved_is_copied(settings: Settings, data: Path, to: Path) -> None:
    writer = open_ledger(data / "ledger.sqlite3")
    writer.commit(Records(jobs=[row(2)]))
    back_up(settings, to)
    writer.commit(Records(jobs=[row(3)]))
    copy = open_ledger(to / "ledger.sqlite3", make=False)
    assert copy.look_up(LookUp(ids=[job_id(2), job_id(3)])).existing == {job_id(2)}
    copy.close()
    writer.close()


def test_the_next_one_copies_what_is_new_or_was_broken_off_and_removes_what_is_gone(
    settings: Settings, data: Path, to: Path
) -> None:
    back_up(settings, to)
    put(data / "raw/ef/three", b"new")
    put(to / "raw/ab/one", b"raw")
    (data / "raw/cd/two").unlink()
    assert back_up(settings, to) == 2
    assert files(to) == files(data)


def test_one_that_breaks_off_leaves_the_last_one_whole(
    settings: Settings, data: Path, to: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    back_up(settings, to)
    before, ledger = files(to), (to / "ledger.sqlite3").read_bytes()
    (data / "raw/cd/two").unlink()
    put(data / "raw/ef/three", b"new")

    def fail(*_: object) -> None:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr("shutil.copyfile", fail)
    with pytest.raises(SetupFault, match="No space left on device"):
        back_up(settings, to)
    assert (files(to), (to / "ledger.sqlite3").read_bytes()) == (before, ledger)


def test_a_file_that_is_purged_meanwhile_is_no_fault(
    settings: Settings, data: Path, to: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    listed = backup._names

    def purged(folder: Path) -> set[str]:
        return listed(folder) | ({"purged"} if folder == data / "raw/ab" else set())

    monkeypatch.setattr(backup, "_names", purged)
    assert back_up(settings, to) == 3


@pytest.mark.parametrize("left", [["raw"], []])
def test_data_that_lost_its_files_takes_none_from_the_copy(
    settings: Settings, data: Path, to: Path, left: list[str]
) -> None:
    back_up(settings, to)
    before = files(to)
    for folder in ("raw", "processed"):
        shutil.rmtree(data / folder)
    for folder in left:
        (data / folder).mkdir()
    with pytest.raises(SetupFault, match=f"{data}/raw is empty, though the ledger has jobs"):
        back_up(settings, to)
    assert files(to) == before


def test_the_data_of_a_pixmill_is_not_written_over(settings: Settings, to: Path) -> None:
    put(to / "broker.lock", b"")
    with pytest.raises(SetupFault, match="is the data of a pixmill, not a back-up"):
        back_up(settings, to)


def test_somebodys_files_are_not_taken_for_those_of_an_older_back_up(settings: Settings, to: Path) -> None:
    put(to / "raw/2024/photo.cr2", b"somebody's")
    with pytest.raises(SetupFault, match="has files that are of no back-up"):
        back_up(settings, to)
    assert files(to) == {"raw/2024/photo.cr2": b"somebody's"}


def test_a_first_one_that_broke_off_goes_on(
    settings: Settings, data: Path, to: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    copy = shutil.copyfile

    def fail_after_one(source: Path, target: Path) -> None:
        if files(to):
            raise OSError(28, "No space left on device")
        copy(source, target)

    with monkeypatch.context() as patch:
        patch.setattr("shutil.copyfile", fail_after_one)
        with pytest.raises(SetupFault, match="No space left on device"):
            back_up(settings, to)
    assert back_up(settings, to) == 2
    assert files(to) == files(data)


def test_without_a_ledger_there_is_nothing_to_back_up(tmp_path: Path, to: Path) -> None:
    with pytest.raises(SetupFault, match="unable to open database file"):
        back_up(Settings(data=str(tmp_path / "none")), to)
    assert not (to / "ledger.sqlite3").exists()


def test_nobody_else_ever_sees_a_secret_in_it(
    settings: Settings, data: Path, to: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Not for a moment either: a copy is closed while it is empty still."""
    put(data / "curve/broker.secret", b"secret")
    opened, seen = os.fdopen, list[tuple[int, int, int]]()

    def look(descriptor: int, mode: str) -> object:
        found = os.fstat(descriptor)
        seen.append((found.st_mode & 0o777, found.st_size, to.stat().st_mode & 0o777))
        return opened(descriptor, mode)

    monkeypatch.setattr(os, "fdopen", look)
    before = os.umask(0)
    back_up(settings, to)
    os.umask(before)
    assert seen == 3 * [(0o600, 0, 0o700)], "two secrets and recipes.toml"
    assert (to / "curve/broker.secret").read_bytes() == b"secret"


def test_a_back_up_that_others_could_read_is_closed(settings: Settings, to: Path) -> None:
    back_up(settings, to)
    to.chmod(0o755)
    back_up(settings, to)
    assert to.stat().st_mode & 0o777 == 0o700


@pytest.mark.parametrize("where", ["", "new", "raw", "../data/new", "../link/new", ".."])
def test_a_back_up_within_the_data_or_around_it_is_refused(settings: Settings, data: Path, where: str) -> None:
    """It would end with what it is to outlive; and the next one would copy itself."""
    (data.parent / "link").symlink_to(data)
    before = sorted(data.rglob("*"))
    with pytest.raises(SetupFault, match="lie within each other: give a folder elsewhere"):
        back_up(settings, data / where)
    assert sorted(data.rglob("*")) == before


def test_recipes_and_watermarks_are_in_it(settings: Settings, tmp_path: Path, to: Path) -> None:
    presets = tmp_path / "presets"
    put(presets / "logos/logo.png", png("logo.png"))
    toml = '[watermarks]\nlogo = "logos/logo.png" # ours\n[[presets.default.renditions]]\nname = "small"\n'
    put(presets / "other-name.toml", toml.encode())
    back_up(msgspec.structs.replace(settings, recipes=str(presets / "other-name.toml")), to)
    kept = {str(path.relative_to(to / "recipes")): path.read_bytes() for path in (to / "recipes").rglob("*.*")}
    assert kept == {"recipes.toml": toml.encode(), "logos/logo.png": png("logo.png")}


def test_watermarks_of_one_name_outside_of_the_recipes_folder_are_all_found_by_the_copy(
    settings: Settings, tmp_path: Path, to: Path
) -> None:
    """Also by a copy of the copy, where the folders that they came from are gone or hold others."""
    presets, shop, blog = tmp_path / "presets", tmp_path / "shop/logo.png", tmp_path / "blog/logo.png"
    files = {shop: "a", blog: "bb", presets / "logo.png": "ccc", presets / "elsewhere/logo.png": "dddd"}
    for file, name in files.items():
        put(file, png(name))
    put(presets / "recipes.toml", MARKS.format(shop=shop, blog=blog).encode())
    mine = msgspec.structs.replace(settings, recipes=str(presets / "recipes.toml"))
    before = load_recipes(mine)
    assert len(set(before.watermarks.values())) == 4, "this test shows nothing"
    back_up(mine, to)
    copy = msgspec.structs.replace(settings, recipes=str(to / "recipes/recipes.toml"))
    for file in files:
        put(file, png("of another"))
    assert load_recipes(copy) == before
    back_up(copy, tmp_path / "second")
    shutil.rmtree(to)
    assert load_recipes(msgspec.structs.replace(copy, recipes=f"{tmp_path}/second/recipes/recipes.toml")) == before


def test_without_its_recipes_it_is_refused_before_anything_is_written(settings: Settings, to: Path) -> None:
    mine = msgspec.structs.replace(settings, recipes="none.toml")
    with pytest.raises(SetupFault, match=r"none.toml cannot be read .+: set PIXMILL_RECIPES"):
        back_up(mine, to)
    assert not to.exists()


def png(name: str) -> bytes:
    """A picture of its own for each name."""
    file = io.BytesIO()
    Image.new("L", (len(name), 1)).save(file, "PNG")
    return file.getvalue()


def test_a_back_up_says_what_is_elsewhere_and_holds_the_rest(settings: Settings, data: Path, to: Path) -> None:
    elsewhere = msgspec.structs.replace(settings, blobs_url="s3://bucket/prefix", ledger_url="postgresql://u:word@h/d")
    shutil.rmtree(data / "raw")
    for _ in range(2):
        assert back_up(elsewhere, to) == 0
    assert (to / "key.secret").exists() and not (to / "ledger.sqlite3").exists()
    ledger, blobs = left_out(elsewhere)
    assert "PostgreSQL: dump that database before" in ledger and "word" not in ledger
    assert "in s3://bucket/prefix: keep its versions" in blobs
    assert left_out(settings) == []


def test_files_are_kept_beside_a_ledger_on_a_server(settings: Settings, to: Path) -> None:
    elsewhere = msgspec.structs.replace(settings, ledger_url="postgresql://h/d")
    assert [back_up(elsewhere, to) for _ in range(2)] == [3, 0]
    assert sorted(path.name for path in (to / "raw").rglob("*") if path.is_file()) == ["one", "two"]


def test_a_back_up_in_a_bucket_s_time_keeps_the_files_of_the_last_one(settings: Settings, to: Path) -> None:
    back_up(settings, to)
    back_up(msgspec.structs.replace(settings, ledger_url="postgresql://h/d", blobs_url="s3://bucket"), to)
    assert (to / "raw/ab/one").exists()
