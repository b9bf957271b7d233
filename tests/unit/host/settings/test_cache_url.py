"""The address of the result cache: what it may say, and that no fault quotes it."""

import pytest

from host.settings.cache_url import RedisPlace, redis_place
from host.settings.settings import parse
from jobs.errors import SetupFault

PLAIN = RedisPlace("cache.example", 6379, "", 0, "", "", False, "", "pixmill")


@pytest.mark.parametrize(
    ("url", "changes"),
    [
        ("redis://cache.example", {}),
        ("redis://cache.example:7000/3", {"port": 7000, "database": 3}),
        ("redis://:p%40ss@cache.example/", {"password": "p@ss"}),
        ("rediss://pix:word@cache.example", {"user": "pix", "password": "word", "tls": True}),
        ("rediss://cache.example?ssl_ca_certs=/etc/ca.pem", {"tls": True, "ca": "/etc/ca.pem"}),
        ("redis://cache.example?prefix=shop-2", {"prefix": "shop-2"}),
        ("redis://[::1]:1", {"host": "::1", "port": 1}),
        ("unix:///run/redis%20s", {"host": "", "path": "/run/redis s"}),
        (
            "unix://pix:word@/run/r?db=2",
            {"host": "", "path": "/run/r", "user": "pix", "password": "word", "database": 2},
        ),
    ],
)
def test_a_server_is_found_by_its_address(url: str, changes: dict[str, object]) -> None:
    assert redis_place(url) == PLAIN._replace(**changes)  # type: ignore[arg-type]


@pytest.mark.parametrize("url", ["", "none"])
def test_no_server_is_named(url: str) -> None:
    assert redis_place(url) is None


@pytest.mark.parametrize(
    "url",
    [
        "secretword", "http://u:secretword@h", "redis://u:secretword@", "redis:///0", "redis://u:secretword@h:99999",
        "redis://u:secretword@h:x", "redis://u:secretword@h/one", "redis://secretword@h?socket_timeout=9",
        "redis://secretword@h?prefix=", "redis://secretword@h?prefix=a:b", "redis://secretword@h#1", "unix://h/secretword",
        "unix:secretword", "redis://secretword@[::1", "redis://h?secretword",
    ],
)  # fmt: skip
def test_a_wrong_address_is_a_fault_that_does_not_quote_it(url: str) -> None:
    with pytest.raises(SetupFault, match="PIXMILL_CACHE_URL ") as fault:
        parse({"PIXMILL_CACHE_URL": url})
    assert "secretword" not in fault.value.detail
