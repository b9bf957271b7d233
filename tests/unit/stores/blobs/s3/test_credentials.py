"""stores/blobs/s3/credentials.py: where the keys of a bucket come from."""

from pathlib import Path

import pytest

from jobs.errors import StoreFault
from stores.blobs.s3.credentials import READ_AGAIN_SECONDS, FromFile, Keys, given, reads_file

ENVIRON = {"AWS_ACCESS_KEY_ID": "id", "AWS_SECRET_ACCESS_KEY": "secret"}


def write(path: Path, secret: str) -> Path:
    path.write_text(
        f"[default]\naws_access_key_id = a\naws_secret_access_key = {secret}\n"
        "[pix]\naws_access_key_id = b\naws_secret_access_key = %(x\naws_session_token = t\n"
    )
    return path


def test_the_environment_goes_before_a_file_and_both_before_the_instance(tmp_path: Path) -> None:
    file = {"AWS_SHARED_CREDENTIALS_FILE": str(write(tmp_path / "keys", "s"))}
    assert given({}) is None
    assert given(ENVIRON) == given(ENVIRON | file) == Keys("id", "secret", "")
    assert given(ENVIRON | {"AWS_SESSION_TOKEN": "t"}) == Keys("id", "secret", "t")
    assert given(file) == Keys("a", "s", "")
    assert given(file | {"AWS_PROFILE": "pix"}) == Keys("b", "%(x", "t")
    assert [reads_file(each) for each in ({}, ENVIRON, file, ENVIRON | file)] == [False, False, True, False]


@pytest.mark.parametrize("content", ["", "[other]\n", "no section\n", "[default]\naws_access_key_id = a\n", "\xff"])
def test_a_file_without_keys_is_a_fault_that_quotes_none_of_it(content: str, tmp_path: Path) -> None:
    (tmp_path / "keys").write_text(content, encoding="latin-1")
    for path in (tmp_path / "keys", tmp_path / "missing"):
        with pytest.raises(StoreFault, match="has no keys of the profile default"):
            given({"AWS_SHARED_CREDENTIALS_FILE": str(path)})


def test_a_replaced_file_is_read_again_once_a_minute(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ENVIRON:
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setenv("AWS_SHARED_CREDENTIALS_FILE", str(write(tmp_path / "keys", "old")))
    now = 100.0
    source = FromFile(lambda: now)
    assert source()["secret_access_key"] == "old"
    write(tmp_path / "keys", "new")
    now += READ_AGAIN_SECONDS - 1
    assert source()["secret_access_key"] == "old"
    now += 1
    assert source()["secret_access_key"] == "new"
