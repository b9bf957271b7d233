"""The setting COURIERS: what is started here, and what is offered."""

import pytest

from host.settings.couriers import COURIERS_MAX, couriers_here, has_couriers


@pytest.mark.parametrize(
    ("couriers", "here", "offered"),
    [("0", 0, False), ("1", 1, True), (str(COURIERS_MAX), COURIERS_MAX, True), ("elsewhere", 0, True)],
)
def test_a_number_runs_here_and_others_may_run_elsewhere(couriers: str, here: int, offered: bool) -> None:
    assert (couriers_here(couriers), has_couriers(couriers)) == (here, offered)


@pytest.mark.parametrize("couriers", ["", "-1", "1.5", "1..2", "Elsewhere", str(COURIERS_MAX + 1), "9" * 40, "\u0661"])
def test_all_else_is_refused_with_what_is_allowed(couriers: str) -> None:
    for judge in (couriers_here, has_couriers):
        with pytest.raises(ValueError, match=f"must be 0 to {COURIERS_MAX}, or elsewhere"):
            judge(couriers)
