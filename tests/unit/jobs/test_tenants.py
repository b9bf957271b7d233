"""The file of tenants: what it may say, and where a fault in it is."""

import pytest

from jobs.errors import SetupFault
from jobs.tenants import (
    BOUNDS,
    FILE_BYTES_MAX,
    SHOWN_CHARACTERS,
    TENANTS_MAX,
    TenantLimits,
    parse_tenants,
    rate_of,
    retention_of,
    running_max_of,
)


def fault(toml: str) -> str:
    with pytest.raises(SetupFault) as raised:
        parse_tenants(toml, "the file")
    return raised.value.detail


def test_each_tenant_has_what_the_file_says_and_else_what_everyone_has() -> None:
    toml = """
        [acme]
        rate = 600
        queued_max = 0
        running_max = 0
        weight = 2
        retention = 0.5
        ["b@shop.example"]
    """
    assert parse_tenants(toml, "f") == {
        "acme": TenantLimits(rate=600, queued_max=0, running_max=0, weight=2.0, retention=0.5),
        "b@shop.example": TenantLimits(),
    }
    assert parse_tenants("", "f") == {}


@pytest.mark.parametrize("key", BOUNDS)
def test_the_bounds_of_each_key_are_allowed_and_nothing_beyond(key: str) -> None:
    bound = BOUNDS[key]
    for value in (bound.least, bound.most):
        parsed = parse_tenants(f"[a]\n{key} = {value}", "f")["a"]
        assert getattr(parsed, key) == value
    step = 1 if bound.whole else bound.least / 2 or 0.5
    for value in (bound.least - step, bound.most + step):
        assert fault(f"[a]\n{key} = {value}") == (
            f"the file, line 2: {key} of [a] must be {bound}, not {value}: correct it"
        )


@pytest.mark.parametrize(
    ("toml", "told"),
    [
        ("\n\n[a]\n\nrate = true", "line 5: rate of [a] must be a whole number from 1 to 1000000000, not True"),
        ("[a]\nrate = 1.0", "line 2: rate of [a] must be a whole number from 1 to 1000000000, not 1.0"),
        ("[a]\nrate = 0", "line 2: rate of [a] must be a whole number from 1 to 1000000000, not 0"),
        ("[a]\nweight = nan", "line 2: weight of [a] must be a number from 0.01 to 100, not nan"),
        ("[a]\nrate = 1\n[b]\n# rate = 3\nrate = '5'",
         "line 5: rate of [b] must be a whole number from 1 to 1000000000, not '5'"),
        ("[a]\nweight = [\n1,\n2\n]\n[b]", "line 5: weight of [a] must be a number from 0.01 to 100, not [1, 2]"),
        ("a.rate = 1\na.weight = 101", "line 2: weight of [a] must be a number from 0.01 to 100, not 101"),
        ("[a]\nrates = 1",
         "line 2: a key of [a] must be one of rate, queued_max, running_max, weight, retention, not 'rates'"),
        ("\nrate = 1", "line 2: 'rate' must be a table of a tenant, [NAME], not 1"),
        ("[[a]]\nrate = 1", "line 1: 'a' must be a table of a tenant, [NAME], not [{'rate': 1}]"),
        ('[a]\n["a b"]', "line 2: a tenant's name must be 1 to 64 letters, digits and ._@-, not 'a b'"),
        (f"[{'a' * 65}]", f"line 1: a tenant's name must be 1 to 64 letters, digits and ._@-, not '{'a' * 59}…"),
        ('[""]', "line 1: a tenant's name must be 1 to 64 letters, digits and ._@-, not ''"),
    ],
)  # fmt: skip
def test_a_fault_tells_line_and_key_and_what_is_allowed_and_what_came(toml: str, told: str) -> None:
    assert fault(toml) == f"the file, {told}: correct it"


@pytest.mark.parametrize(
    "toml", ["[a", "[a]\nrate = 1\nrate = 2", "[a]\n[a]", f"x = {'9' * 5000}", "x = " + "[" * 5000]
)
def test_what_is_no_toml_is_refused_in_one_sentence(toml: str) -> None:
    assert fault(toml).startswith("the file is no TOML, ")


def test_the_file_is_bounded_in_bytes_and_in_tenants() -> None:
    most = "\n".join(f"[t{number}]" for number in range(TENANTS_MAX))
    assert len(parse_tenants(most, "f")) == TENANTS_MAX
    assert (
        fault(f"{most}\n[more]")
        == f"the file has {TENANTS_MAX + 1} tenants, and {TENANTS_MAX} are the most: leave some out"
    )
    assert fault("#" * (FILE_BYTES_MAX + 1)).startswith(f"the file has {FILE_BYTES_MAX + 1} bytes")
    assert parse_tenants("#" * FILE_BYTES_MAX, "f") == {}
    assert len(fault(f"[a]\nrate = '{'x' * 1000}'")) < 120 + SHOWN_CHARACTERS


def test_what_the_file_does_not_say_is_as_for_everyone() -> None:
    tenants = parse_tenants("[a]\nrate = 5\nretention = 2\n[b]\nretention = 0", "f")
    assert [rate_of(tenants, name, 7) for name in ("a", "b", "other")] == [5, 7, 7]
    assert [retention_of(tenants, name, 10.0) for name in ("a", "b", "other")] == [172_800.0, 0.0, 10.0]


def test_only_limits_of_running_jobs_count() -> None:
    assert running_max_of({"a": TenantLimits(rate=5), "b": TenantLimits(running_max=2)}) == {"b": 2}
