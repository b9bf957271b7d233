"""Grants: what is signed comes back, by whichever of the two makers; and whatever else is offered is none."""

import re
from typing import Any

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

import pixmill
from jobs.access.grants import Grant, UploadGrant, ViewGrant, is_grant, sign, verify
from jobs.access.keys import ApiKey, Scope, open_session
from jobs.limits import GRANT_CHARACTERS_MAX
from pixmill.grants import _signed as client_signed

SECRET, OTHER, OLD = b"s" * 32, b"o" * 32, b"before the rotation"
JOB = "01m87tmt9j05srya2xnm5w4zyp"
ONE = UploadGrant("a" * 16, "acme", "web", 5_000_000, 5, 1_800_000_000, "order 17", "https://shop.example")
VIEW = ViewGrant("acme", JOB, 1_800_000_000)
texts = st.text(st.characters(exclude_categories=["Cs"]), max_size=200)
origins = st.sampled_from(["https://shop.example", "http://localhost:8080", "http://[::1]:3000"])
tenants = st.from_regex(r"([A-Za-z0-9][A-Za-z0-9._@-]{0,63})?", fullmatch=True)
ends = st.integers(0, 10**11)
uploads = st.builds(
    UploadGrant, st.from_regex(r"[A-Za-z0-9_-]{16}", fullmatch=True), tenants,
    st.from_regex(r"[a-z0-9][a-z0-9_-]{0,31}", fullmatch=True), st.integers(1, 2**53), st.integers(1, 10_000), ends,
    st.none() | texts, st.none() | origins,
)  # fmt: skip
grants = uploads | st.builds(ViewGrant, tenants, st.from_regex(r"[0-9a-z]{26}", fullmatch=True), ends)


@given(grants)
def test_what_was_signed_comes_back(grant: Grant) -> None:
    text = sign(SECRET, grant)
    assert re.fullmatch(r"[A-Za-z0-9._-]+", text), "URL-safe"
    assert len(text) <= GRANT_CHARACTERS_MAX
    assert is_grant(text)
    assert verify([SECRET], text) == grant


def test_the_longest_grant_is_within_its_limit() -> None:
    most = UploadGrant(
        "a" * 64, "t" * 64, "p" * 32, 2**53, 10_000, 10**11, "\1" * 200, "https://" + "h" * 253 + ":65535"
    )
    assert verify([SECRET], sign(SECRET, most)) == most


@given(grants, st.data())
def test_any_changed_character_is_forged(grant: Grant, data: st.DataObject) -> None:
    text = sign(SECRET, grant)
    place = data.draw(st.integers(0, len(text) - 1))
    character = data.draw(st.characters() | st.sampled_from(sorted(set(text))))
    changed = text[:place] + character + text[place + 1 :]
    assert (verify([SECRET], changed) is not None) == (changed == text)


@pytest.mark.parametrize("grant", [ONE, VIEW])
def test_no_place_is_free_to_change(grant: Grant) -> None:
    """The last characters of base64 hold bits that decode to nothing: they must not be free either."""
    text = sign(SECRET, grant)
    for place in range(len(text)):
        for character in "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_.=":
            changed = text[:place] + character + text[place + 1 :]
            assert changed == text or verify([SECRET], changed) is None


@given(st.text() | st.text("gv1.abcW0_-=\ud800\n"))
def test_noise_is_forged_and_never_raises(text: str) -> None:
    assert verify([SECRET], text) is None
    assert verify([SECRET], sign(SECRET, ONE) + text) == (None if text else ONE)
    assert verify([SECRET], text + sign(SECRET, ONE)) == (None if text else ONE)


def test_one_kind_is_not_the_other() -> None:
    assert verify([SECRET], "v1" + sign(SECRET, ONE)[2:]) is None
    assert verify([SECRET], "g1" + sign(SECRET, VIEW)[2:]) is None


def test_another_secret_signs_nothing_here_and_after_a_rotation_both_do() -> None:
    assert verify([OTHER], sign(SECRET, ONE)) is None
    assert verify([], sign(SECRET, ONE)) is None
    assert verify([SECRET, OLD], sign(OLD, ONE)) == verify([SECRET, OLD], sign(SECRET, ONE)) == ONE


def test_what_the_same_secret_signed_as_something_else_is_no_grant() -> None:
    session = open_session(SECRET, ApiKey("acme", Scope.WRITE, b"d" * 32), 1_800_000_000)
    assert verify([SECRET], session) is None
    assert verify([SECRET], client_signed(SECRET, "x1", [])) is None
    assert not is_grant(session)


@pytest.mark.parametrize(
    "wrong",
    [
        {"id": "short"}, {"tenant": "a:b"}, {"tenant": "acme\n"}, {"preset": "Web"}, {"preset": ""}, {"bytes_max": 0},
        {"count": 0}, {"count": 10_001}, {"count": 1.5}, {"count": True}, {"expires_at": -1}, {"expires_at": 1.5},
        {"reference": "r" * 201}, {"origin": "https://shop.example/"}, {"origin": "null"}, {"origin": "https://Shop"},
        {"origin": "https://shop.example\n"},
    ],
)  # fmt: skip
def test_a_rightful_signature_makes_no_grant_of_what_could_not_be_one(wrong: dict[str, object]) -> None:
    fields = msgspec.structs.asdict(ONE) | wrong
    assert verify([SECRET], sign(SECRET, UploadGrant(**fields))) is None


@given(uploads)
def test_the_client_makes_the_same_grants(grant: UploadGrant) -> None:
    fields = msgspec.structs.asdict(grant)
    del fields["id"]
    text = pixmill.grant(SECRET, **fields)
    made = verify([SECRET], text)
    assert isinstance(made, UploadGrant)
    assert msgspec.structs.replace(made, id=grant.id) == grant
    assert sign(SECRET, made) == text


@given(st.builds(ViewGrant, tenants, st.from_regex(r"[0-9a-z]{26}", fullmatch=True), ends))
def test_the_client_makes_the_same_view_grants(grant: ViewGrant) -> None:
    text = pixmill.view_grant(SECRET, grant.job, expires_at=grant.expires_at, tenant=grant.tenant)
    assert text == sign(SECRET, grant)


@given(
    st.fixed_dictionaries(
        {"expires_at": st.integers(-2, 2) | st.sampled_from([10**11, 10**11 + 1])},
        optional={
            "count": st.integers(-1, 2) | st.sampled_from([10_000, 10_001]),
            "bytes_max": st.sampled_from([0, 1, 2**53, 2**53 + 1]),
            "preset": st.sampled_from(["web", "Web", "", "w" * 32, "w" * 33, "web\n"]),
            "tenant": st.sampled_from(["", "acme", "a:b", "t" * 64, "t" * 65, "é"]),
            "reference": st.sampled_from(["", "r" * 200, "r" * 201]),
            "origin": origins | st.sampled_from(["null", "https://x/", "https://x:0", "https://X", "https://x\n", ""]),
        },
    )
)  # fmt: skip
def test_the_client_refuses_just_what_the_server_would(fields: dict[str, object]) -> None:
    defaults = {"tenant": "", "preset": "default", "bytes_max": 1, "count": 1, "reference": None, "origin": None}
    raw = UploadGrant(**{"id": "a" * 16} | defaults | fields)  # type: ignore[arg-type]
    if verify([SECRET], sign(SECRET, raw)):
        pixmill.grant(SECRET, **fields)  # type: ignore[arg-type]
    else:
        with pytest.raises(ValueError, match=r"is|has") as fault:
            pixmill.grant(SECRET, **fields)  # type: ignore[arg-type]
        assert not re.search(r"\{\d|\[a-z", str(fault.value)), "it is for people"


@pytest.mark.parametrize(
    ("terms", "says"),
    [
        ({"preset": "Web"}, "preset is 1 to 32 characters of a-z, 0-9, - and _, .*, not 'Web'"),
        ({"tenant": "a:b"}, "tenant is none, or 1 to 64 characters of .*, not 'a:b'"),
        ({"origin": "https://x/"}, "origin is as a browser sends it: .*, not 'https://x/'"),
    ],
)
def test_the_client_says_in_words_what_a_grant_may_name(terms: dict[str, Any], says: str) -> None:
    with pytest.raises(ValueError, match=says):
        pixmill.grant(SECRET, expires_at=2e9, **terms)


def test_a_view_of_no_job_is_refused_in_words() -> None:
    with pytest.raises(ValueError, match="job is the id of a job, 26 characters of 0-9 and a-z, not 'x'"):
        pixmill.view_grant(SECRET, "x", expires_at=2e9)


def test_every_grant_is_another_and_a_secret_may_be_text() -> None:
    one, two = (pixmill.grant("a secret of 16 or more", expires_at=2e9) for _ in range(2))
    assert one != two
    assert verify([b"a secret of 16 or more"], one)
