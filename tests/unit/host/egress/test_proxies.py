"""host/egress/proxies.py: EGRESS_PROXY, read without telling its password."""

import pytest

from host.egress.proxies import parse_proxy


def test_none_is_none_and_a_user_becomes_a_header() -> None:
    assert parse_proxy("") is None
    proxy = parse_proxy("http://squid.internal:3128")
    assert proxy is not None and (proxy.host, proxy.port, proxy.header) == ("squid.internal", 3128, b"")
    known = parse_proxy("http://me:pa%3Ass@127.0.0.1:1")
    assert known is not None and known.header == b"Proxy-Authorization: Basic bWU6cGE6c3M=\r\n"


@pytest.mark.parametrize(
    "text", ["https://proxy:1", "http://proxy", "proxy:3128", "http://proxy:1/path", "http://[::1"]
)
def test_a_faulty_proxy_is_not_quoted(text: str) -> None:
    with pytest.raises(ValueError, match="must be empty, or as"):
        parse_proxy(text)
