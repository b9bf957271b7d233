"""The file that TENANTS names, as it is on disk."""

from pathlib import Path

import pytest

from host.files.tenants import read_tenants
from host.settings.settings import parse
from jobs.errors import SetupFault
from jobs.tenants import FILE_BYTES_MAX, TenantLimits


def fault(path: Path) -> str:
    with pytest.raises(SetupFault) as raised:
        read_tenants(str(path))
    return raised.value.detail


def test_it_is_read_where_it_is_set(tmp_path: Path) -> None:
    path = tmp_path / "tenants.toml"
    path.write_text("[acme]\nrate = 5\n")
    assert read_tenants(str(path)) == {"acme": TenantLimits(rate=5)}
    assert read_tenants("") == {}


def test_a_file_that_cannot_be_read_refuses_the_start(tmp_path: Path) -> None:
    path = tmp_path / "tenants.toml"
    assert fault(path) == (
        f"the file of tenants {path} cannot be read (No such file or directory): "
        "set PIXMILL_TENANTS to a file of tenants"
    )
    path.write_bytes(b"[\xff]")
    assert fault(path) == f"the file of tenants {path} is not in UTF-8: save it so"
    path.write_bytes(b"#" * (FILE_BYTES_MAX + 1))
    assert fault(path).startswith(f"the file of tenants {path} has more than {FILE_BYTES_MAX} bytes")
    path.write_text("[a]\nrate = 0")
    assert fault(path).startswith(f"the file of tenants {path}, line 2: rate of [a] must be")


def test_its_setting_is_a_path() -> None:
    assert parse({"PIXMILL_TENANTS": "a b.toml"})[0].tenants == "a b.toml"
    with pytest.raises(SetupFault, match=r"PIXMILL_TENANTS=.* must be a path"):
        parse({"PIXMILL_TENANTS": "a\nb"})
