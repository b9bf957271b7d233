"""Secrets: set by hand or from a file and never shown, or made in DATA by whoever comes first."""

import stat
import threading
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest

from host.files.folders import secret
from host.settings.environment import load_settings, of_courier, shown_settings, without_secrets
from host.settings.settings import SECRETS, listed_secrets, parse
from jobs.errors import SetupFault

NEW, OLD = "n" * 16, "o" * 20


def test_the_first_secret_signs_and_all_verify() -> None:
    assert listed_secrets("") == ()
    settings, _ = parse({"PIXMILL_RECEIPT_SECRETS": f"{NEW}, {OLD}\n"})
    assert listed_secrets(settings.receipt_secrets) == (NEW.encode(), OLD.encode())


def test_a_short_secret_is_refused_by_name_and_not_told() -> None:
    for name in ("PIXMILL_GRANT_SECRETS", "PIXMILL_RECEIPT_SECRETS"):
        with pytest.raises(SetupFault, match=f"{name} must be of 16 characters or more each") as fault:
            parse({name: f"{NEW},hunter2"})
        assert "hunter2" not in fault.value.detail


def test_a_secret_is_read_from_a_file_and_shown_nowhere(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    kept = tmp_path / "secrets"
    kept.write_text(f"{NEW}\n{OLD}\n")
    monkeypatch.setenv("PIXMILL_RECEIPT_SECRETS_FILE", str(kept))
    settings, sources = load_settings()
    assert listed_secrets(settings.receipt_secrets) == (NEW.encode(), OLD.encode())
    shown = "\n".join(shown_settings(settings, sources))
    assert "PIXMILL_RECEIPT_SECRETS        (secret)" in shown
    assert NEW not in shown


def test_what_opens_images_gets_no_secret(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PIXMILL_RECEIPT_SECRETS", NEW)
    monkeypatch.setenv("PIXMILL_RECEIPT_SECRETS_FILE", "/run/secrets/receipts")
    monkeypatch.setenv("PIXMILL_grant_secrets", NEW)
    monkeypatch.setenv("PIXMILL_CAPACITY", "3")
    monkeypatch.setenv("AWS_SECRET_ACCESS_KEY", NEW)
    monkeypatch.setenv("AWS_WEB_IDENTITY_TOKEN_FILE", "/run/token")
    monkeypatch.setenv("PGPASSWORD", NEW)
    monkeypatch.setenv("OTEL_EXPORTER_OTLP_HEADERS", NEW)
    passed = without_secrets()
    assert not [name for name in passed if name.startswith(("AWS", "PG", "OTEL"))]
    assert passed["PIXMILL_CAPACITY"] == "3"
    assert not [name for name in passed if "SECRET" in name.upper()]


def test_what_calls_strangers_gets_the_proxy_and_the_store_and_no_other_secret() -> None:
    secrets = {f"PIXMILL_{name.upper()}{end}": NEW for name in SECRETS for end in ("", "_FILE")}
    others = {"PIXMILL_SOURCES": "*", "AWS_SECRET_ACCESS_KEY": NEW, "PATH": "/bin"}
    passed = of_courier(secrets | others | {"PGPASSWORD": NEW, "PIXMILL_API_KEY": NEW})
    assert passed == others | {"PIXMILL_EGRESS_PROXY": NEW, "PIXMILL_EGRESS_PROXY_FILE": NEW}


def test_all_files_that_cannot_be_read_are_named_at_once(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "latin").write_bytes(b"gr\xfc\xdfe")
    (tmp_path / "empty").touch()
    for name, file in (("API_KEYS", "missing"), ("GRANT_SECRETS", "latin"), ("RECEIPT_SECRETS", "empty")):
        monkeypatch.setenv(f"PIXMILL_{name}_FILE", str(tmp_path / file))
    monkeypatch.setenv("PIXMILL_PORT", "abc")
    with pytest.raises(SetupFault) as fault:
        load_settings()
    for word in (
        "API_KEYS_FILE cannot",
        "GRANT_SECRETS_FILE cannot be read (it is not",
        "names an empty",
        "PORT",
    ):
        assert word in fault.value.detail


def test_a_fault_within_a_file_names_the_file_and_the_line(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    kept = tmp_path / "api_keys"
    kept.write_text(f"PIXMILL_API_KEYS=acme:write:{64 * '0'}\nacme:hunter2\n")
    monkeypatch.setenv("PIXMILL_API_KEYS_FILE", str(kept))
    with pytest.raises(SetupFault) as fault:
        load_settings()
    for words in ("entry 2 (line 2) must be", f"(PIXMILL_API_KEYS is the content of {kept})"):
        assert words in fault.value.detail
    assert "hunter2" not in fault.value.detail


def test_processes_that_start_together_agree_on_one_secret(tmp_path: Path) -> None:
    together = threading.Barrier(8)

    def start(_: int) -> bytes:
        together.wait()
        return secret(tmp_path, "receipt.secret")

    with ThreadPoolExecutor(8) as pool:
        (made,) = set(pool.map(start, range(8)))
    assert len(made) == 32
    assert secret(tmp_path, "receipt.secret") == made
    assert [path.name for path in tmp_path.iterdir()] == ["receipt.secret"]
    assert stat.S_IMODE((tmp_path / "receipt.secret").stat().st_mode) == 0o600
