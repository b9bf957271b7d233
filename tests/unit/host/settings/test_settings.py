"""host/settings/settings.py: all faults at once, by name, each with its fix."""

import math

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from host.settings.bounds import BOUNDS, CHOICES
from host.settings.settings import (
    SECRETS,
    SOCKET_PATH_BYTES_MAX,
    Settings,
    cors_origins,
    parse,
    unix_path,
    workers_range,
)
from jobs.errors import SetupFault


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


def test_host_may_be_a_unix_socket() -> None:
    longest = "/" + "x" * (SOCKET_PATH_BYTES_MAX - 1)
    assert unix_path(parse({"PIXMILL_HOST": f"unix:{longest}"})[0].host) == longest
    assert unix_path("unix.example") == ""


KEY = "acme:write:" + "0" * 64
RULED: dict[str, tuple[str, ...]] = {
    "host": (
        "",
        "a b",
        "http://localhost",
        "-x",
        "::1::",
        "unix:",
        "unix:web.sock",
        "unix:/a\nb",
        "unix:/" + "x" * 107,
    ),
    "log_path": ("a\nb", "\x00"),
    "public_url": ("pix.example",),
    "blobs_url": (
        "bucket",
        "s3://",
        "s3://x",
        "s3://Bucket",
        "s3://key:secret@bucket",
        "s3://bucket/../x",
        "s3://bucket/.x",
        "s3://bucket?endpoint=minio:9000",
        "s3://bucket?endpoint=http://key@minio",
        "s3://bucket?region=",
        "s3://bucket?secret=x",
        "s3://bucket?region=a&region=b",
        "s3://bucket#x",
        "https://bucket",
    ),
    "root_path": ("/pix?",),
    "trusted_proxies": ("proxy", "unix:/run/web.sock", "10.0.0.1/24", "0.0.0.0/0", "::/0", "*"),
    "accel_redirect": ("_pixmill", "/", "/a/", "/a b", "/..", "/a/../b", "http://x"),
    "cors_origins": ("*",),
    "couriers": ("many", "65", "-1", "1.5", ""),
    "workers": ("many", "1001", "0..1001", "2..1", "-1", "1.5"),
    "data": ("", " ", "up\nloads", "\0", "\udcff"),
    "run": ("\0", "a\tb"),
    "tenants": ("a\nb", "\x00"),
    "recipes": ("", "r\0.toml"),
    "brokers": ("6", "0", "tcp://host", "tcp://host:65535", "ipc:///x"),
    "api_keys": ("acme:write:hunter2",),
    "cache_url": ("redis:///0", "file:///x"),
    "grant_secrets": ("short",),
    "receipt_secrets": ("short",),
    "sources": ("cdn.example", "ftp://cdn.example/", "https://cdn.example/?x", "s3://B", "https://a.example/,**"),
    "egress_allow": ("10.0.0.1/8", "host:0", "http://hooks.internal", "1.2.3"),
    "egress_proxy": ("proxy:3128", "https://proxy:3128", "http://user:secret@proxy"),
    "webhook_secrets": ("short", ",".join(f"a long secret {number}".replace(" ", "-") for number in range(11))),
    "webhooks": ("t=ftp://x/", "t=https://a/,t=https://b/", "no address", "http://a.example/", "https://10.0.0.1/"),
    "ledger_read_url": ("mysql://user:secret@host/base", "host=pg dbname=pix"),
    "ledger_url": ("ledger.sqlite3", "mysql://user:secret@host/base", "host=pg dbname=pix"),
}
"""Settings that are neither numbers nor choices: values that their rule refuses."""
FIELDS = {field.name: field.type for field in msgspec.structs.fields(Settings)}


def variables(**values: object) -> dict[str, str]:
    return {f"PIXMILL_{name.upper()}": str(value) for name, value in values.items()}


def refused(**values: object) -> str:
    with pytest.raises(SetupFault) as fault:
        parse(variables(**values))
    return fault.value.detail


def test_every_setting_has_its_judge() -> None:
    judged = [*BOUNDS, *CHOICES, *RULED, *(name for name, kind in FIELDS.items() if kind is bool)]
    assert sorted(judged) == sorted(FIELDS)
    assert set(BOUNDS) == {name for name, kind in FIELDS.items() if kind in (int, float)}


@pytest.mark.parametrize("name", BOUNDS)
def test_a_number_is_within_its_bounds(name: str) -> None:
    least, most = BOUNDS[name]
    beyond = {
        least - 1,
        most + 1 if isinstance(most, int) else math.nextafter(most, math.inf),
        10**400,
        "many",
        "",
        "0x1",
    }
    if FIELDS[name] is float:
        beyond |= {"nan", "inf", "-inf"}
    else:
        beyond |= {"1.5"}
    for value in beyond:
        detail = refused(**{name: value})
        assert f"PIXMILL_{name.upper()}=" in detail
        assert " must be " in detail
        assert detail.endswith(": correct or unset them")
    for value in (least, most, getattr(Settings(), name)):
        others = {"accept_seconds": 0.1} if name == "orphan_seconds" else {"orphan_seconds": 86_400}
        assert getattr(parse(variables(**others | {name: FIELDS[name](value)}))[0], name) == value


@pytest.mark.parametrize("name", CHOICES)
def test_a_choice_is_one_of_them(name: str) -> None:
    assert f"PIXMILL_{name.upper()}='another' must be one of " in refused(**{name: "another"})
    for choice in CHOICES[name]:
        assert getattr(parse(variables(**{name: choice}))[0], name) == choice


@pytest.mark.parametrize(("name", "value"), [(name, value) for name, values in RULED.items() for value in values])
def test_a_text_is_what_its_rule_asks(name: str, value: str) -> None:
    detail = refused(**{name: value})
    assert f"PIXMILL_{name.upper()}" in detail
    assert " must be " in detail
    if name in SECRETS:
        assert value not in detail


def test_a_replica_is_one_of_a_ledger() -> None:
    url = "postgresql://pixmill:secret@replica/pixmill"
    assert "PIXMILL_LEDGER_READ_URL must not be set without PIXMILL_LEDGER_URL" in refused(ledger_read_url=url)
    assert "secret" not in refused(ledger_read_url=url)


@pytest.mark.parametrize("name", ["data", "run", "recipes"])
@pytest.mark.parametrize("path", ["/srv/my pictures", "/srv/\u5199\u771f\u3000\u5165\u308c", "a\u00a0b"])
def test_a_path_is_whatever_people_write(name: str, path: str) -> None:
    assert getattr(parse(variables(**{name: path}))[0], name) == path


@pytest.mark.parametrize("name", [name for name, kind in FIELDS.items() if kind is bool])
def test_yes_or_no_is_said_so(name: str) -> None:
    assert f"PIXMILL_{name.upper()}='maybe' must be 1 or 0" in refused(**{name: "maybe"})


@pytest.mark.parametrize(
    ("values", "names", "mended"),
    [
        (
            {"orphan_seconds": 19, "accept_seconds": 10},
            ("ORPHAN_SECONDS=19", "ACCEPT_SECONDS=10"),
            {"orphan_seconds": 20},
        ),
        (
            {"public_without_keys": 1, "api_keys": KEY},
            ("PUBLIC_WITHOUT_KEYS=1", "API_KEYS"),
            {"public_without_keys": 0},
        ),
        ({"accel_redirect": "/_pixmill"}, ("ACCEL_REDIRECT", "TRUSTED_PROXIES"), {"trusted_proxies": "unix"}),
        ({"sources": "s3://shop/in/"}, ("SOURCES", "BLOBS_URL"), {"blobs_url": "s3://pix"}),
        ({"sources": "*", "couriers": 0}, ("SOURCES", "COURIERS=0", "elsewhere"), {"couriers": 1}),
        ({"webhooks": "https://app.example/", "couriers": 0}, ("WEBHOOKS", "COURIERS=0"), {"couriers": "elsewhere"}),
        (
            {"webhooks": "acmee=https://app.example/", "api_keys": KEY},
            ("WEBHOOKS", "no API key", "acmee"),
            {"webhooks": "acme=https://app.example/"},
        ),
        (
            {"host": "127.0.0.1", "port": 5003, "brokers": "tcp://127.0.0.1:5000"},
            ("PORT=5003", "5000 to 5003"),
            {"port": 5004},
        ),
    ],
)
def test_values_that_make_no_sense_together_are_a_fault_of_both(
    values: dict[str, object], names: tuple[str, ...], mended: dict[str, object]
) -> None:
    detail = refused(**values)
    assert all(name in detail for name in names)
    parse(variables(**values | mended))


def test_the_broker_s_ports_on_another_address_are_free() -> None:
    parse(variables(host="127.0.0.2", port=5003, brokers="tcp://127.0.0.1:5000"))
