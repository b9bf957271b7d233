"""jobs/leases.py: a number for each lease, that no other term gives."""

from jobs.leases import COUNT_BITS, NONCE_BITS, count_of, next_lease

LAST = (1 << NONCE_BITS) - 1


def test_without_a_nonce_leases_are_counted() -> None:
    assert [next_lease(0, 0), next_lease(1, 0)] == [1, 2]


def test_the_count_goes_on_in_another_term_and_the_number_is_another() -> None:
    first = next_lease(0, 7)
    second = next_lease(first, 9)
    assert (count_of(first), count_of(second)) == (1, 2)
    assert len({first, second, next_lease(first, 7), 2}) == 4


def test_two_terms_never_give_the_same_number() -> None:
    assert {next_lease(lease, 7) for lease in range(100)}.isdisjoint(next_lease(lease, 8) for lease in range(100))


def test_the_largest_number_is_exact_in_javascript() -> None:
    assert next_lease((1 << COUNT_BITS) - 2, LAST) == 2**53 - 1


def test_after_the_last_count_the_nonce_is_as_before() -> None:
    assert next_lease((LAST << COUNT_BITS) | (1 << COUNT_BITS) - 1, LAST) >> COUNT_BITS == LAST
