"""jobs/settings.py: all faults at once, by name, each with its fix."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from jobs.errors import SetupFault
from jobs.settings import Settings, cors_origins, ledger_path, parse, workers_range


def test_without_variables_all_is_default() -> None:
    settings, sources = parse({"HOME": "/root", "PIXMIL_PORT": "1"})
    assert settings == Settings()
    assert set(sources.values()) == {"default"}


def test_values_are_of_their_type_and_tell_their_source() -> None:
    settings, sources = parse({"PIXMILL_PORT": "0", "PIXMILL_JOB_SECONDS": "1.5", "PIXMILL_PUBLIC_WITHOUT_KEYS": "1"})
    assert (settings.port, settings.job_seconds, settings.public_without_keys) == (0, 1.5, True)
    assert sources["port"] == "PIXMILL_PORT"
    assert sources["host"] == "default"


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("PORTS", "1"),
        ("PORT", "many"),
        ("PORT", "65536"),
        ("PORT", "-1"),
        ("WEB_PROCESSES", "0"),
        ("LEDGER_SYNC", "off"),
        ("LOG_LEVEL", "loud"),
        ("WORKERS", "some"),
        ("WORKERS", "3..2"),
        ("WORKERS", "-1"),
        ("DECODER_BYTES_MAX", "1000"),
        ("JOB_SECONDS", "nan"),
        ("JOB_SECONDS", "inf"),
    ],
)
def test_a_fault_names_its_variable(name: str, value: str) -> None:
    with pytest.raises(SetupFault, match=f"PIXMILL_{name}"):
        parse({f"PIXMILL_{name}": value})


def test_all_faults_are_told_at_once() -> None:
    with pytest.raises(SetupFault) as fault:
        parse({"PIXMILL_PORT": "x", "PIXMILL_CAPACITY": "0", "PIXMILL_COLOUR": "red"})
    assert all(name in fault.value.detail for name in ("PIXMILL_PORT", "PIXMILL_CAPACITY", "PIXMILL_COLOUR"))


@pytest.mark.parametrize(
    ("workers", "expected"), [("cores", (4, 4)), ("3", (3, 3)), ("0", (0, 0)), ("1..8", (1, 8)), ("0..2", (0, 2))]
)
def test_workers(workers: str, expected: tuple[int, int]) -> None:
    assert workers_range(parse({"PIXMILL_WORKERS": workers})[0].workers, cores=4) == expected


def test_the_ledger_lies_in_data() -> None:
    assert str(ledger_path(Settings(data="d"))) == "d/ledger.sqlite3"


@given(st.dictionaries(st.sampled_from(["PIXMILL_PORT", "PIXMILL_WORKERS", "PIXMILL_ACCEPT_SECONDS"]), st.text()))
def test_any_values_are_settings_or_a_setup_fault(environ: dict[str, str]) -> None:
    try:
        settings, _ = parse(environ)
    except SetupFault:
        return
    assert 0 <= settings.port <= 65_535
    assert settings.accept_seconds >= 0.1


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("PIXMILL_CORS_ORIGINS", "*"),
        ("PIXMILL_CORS_ORIGINS", "null"),
        ("PIXMILL_CORS_ORIGINS", "https://shop.example/"),
        ("PIXMILL_CORS_ORIGINS", "https://shop.example, shop.example"),
        ("PIXMILL_CORS_ORIGINS", "https://*.shop.example"),
        ("PIXMILL_CORS_ORIGINS", "https://Shop.example"),
        ("PIXMILL_CORS_ORIGINS", "ftp://shop.example"),
        ("PIXMILL_PUBLIC_URL", "pix.example"),
        ("PIXMILL_PUBLIC_URL", "https://user@pix.example"),
        ("PIXMILL_PUBLIC_URL", "https://pix.example/?a=b"),
        ("PIXMILL_ROOT_PATH", "/pix?a"),
        ("PIXMILL_ROOT_PATH", "/p x"),
    ],
)
def test_an_address_that_no_request_could_have_is_a_fault(name: str, value: str) -> None:
    with pytest.raises(SetupFault, match=name):
        parse({name: value})


def test_addresses_as_people_set_them() -> None:
    origins = "https://shop.example, http://localhost:8080 http://[::1]:80"
    given = {
        "PIXMILL_CORS_ORIGINS": origins,
        "PIXMILL_PUBLIC_URL": "https://pix.example:8443/a/",
        "PIXMILL_ROOT_PATH": "/a",
    }
    assert cors_origins(parse(given)[0]) == ["https://shop.example", "http://localhost:8080", "http://[::1]:80"]
