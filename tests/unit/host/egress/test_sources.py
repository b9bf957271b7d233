"""host/egress/sources.py: which addresses an original may be fetched from."""

import pytest

from host.egress.addresses import Allowed, parse_allowed
from host.egress.sources import Object, judge_source, parse_sources, shown
from jobs.errors import EgressRefused

LISTED = "https://a.example/pics, https://b.example/ http://c.example:80/x/ s3://shop/in/ s3://whole"


@pytest.mark.parametrize(
    "url",
    [
        "https://a.example/pics/1.png", "https://a.example/pics", "https://A.example:443/pics/x?sig=secret",
        "https://b.example/anything", "https://b.example", "http://c.example/x/y", "https://a.example/pics/...",
        "https://a.example/pics/a%2fb..png;v=.1", "https://a.example/pics/.well?../x",
    ],
)  # fmt: skip
def test_what_is_below_a_prefix_is_listed(url: str) -> None:
    judge_source(url, parse_sources(LISTED), ())


@pytest.mark.parametrize(
    "path",
    [
        "..%2fsecret.png", "%2e%2e%2Fsecret", "..%5Csecret", "..;/secret", "..%3b/secret", "x%2f..%2f..%2fsecret",
        "x%2f..", "..%252fsecret", "%252e%252e/secret", "%25252e./x", "x;./y", ".%2f",
    ],
)  # fmt: skip
def test_no_spelling_of_a_dot_segment_leaves_a_prefix(path: str) -> None:
    for url in (f"https://a.example/pics/{path}", f"s3://shop/in/{path}"):
        with pytest.raises(EgressRefused):
            judge_source(url, parse_sources(LISTED), ())


@pytest.mark.parametrize(
    "url",
    [
        "https://a.example/picsecret", "https://a.example/", "https://a.example/pics/../x", "https://a.example/pics/%2E%2e/x",
        "https://a.example/pics/./x", "http://a.example/pics/1", "https://a.example.evil.example/pics/1",
        "https://a.example:8443/pics/1", "https://a.example@b.evil/pics/1", "http://c.example/xy", "https://d.example/",
        "s3://shop/out/1", "s3://shop/", "s3://shop", "s3://other/x", "s3://shop/in/../x", "s3:///x", "s3:x", "",
        "ftp://a.example/pics", "https://127.0.0.1/",
    ],
)  # fmt: skip
def test_what_is_not_is_refused(url: str) -> None:
    with pytest.raises(EgressRefused):
        judge_source(url, parse_sources(LISTED), ())


def test_objects_have_a_bucket_and_a_key() -> None:
    assert judge_source("s3://shop/in/a b.png".replace(" ", "%20"), parse_sources(LISTED), ()) == Object(
        "shop", "in/a%20b.png"
    )
    assert judge_source("s3://whole/x/y", parse_sources(LISTED), ()) == Object("whole", "x/y")


def test_any_is_every_public_host_over_https_and_no_bucket() -> None:
    sources = parse_sources("*")
    judge_source("https://any.example/x", sources, ())
    for url in ("http://any.example/x", "https://10.0.0.1/x", "https://any.example:8443/x", "s3://shop/x"):
        with pytest.raises(EgressRefused):
            judge_source(url, sources, ())
    judge_source("https://10.0.0.1/x", sources, parse_allowed("10.0.0.0/8"))


def test_without_an_entry_nothing_is_listed() -> None:
    none: tuple[Allowed, ...] = ()
    with pytest.raises(EgressRefused):
        judge_source("https://a.example/x", parse_sources(""), none)


@pytest.mark.parametrize(
    "entry", ["a.example", "https://a.example/?x", "https://u@a.example/", "s3://A", "**", "http://"]
)
def test_a_faulty_prefix_is_named(entry: str) -> None:
    with pytest.raises(ValueError, match="is no prefix"):
        parse_sources(f"https://b.example/ {entry}")


def test_a_query_is_not_shown() -> None:
    assert shown("https://a.example/x?sig=secret") == "https://a.example/x"
