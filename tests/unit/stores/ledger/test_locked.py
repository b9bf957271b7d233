"""stores/ledger/locked.py: the term as locks of files. Another open file stands for another broker's lock."""

from pathlib import Path
from unittest.mock import Mock

import pytest

from host.files.folders import try_lock
from jobs.errors import SetupFault
from stores.ledger.locked import LockedCandidate
from stores.ledger.memory import MemoryLedger

pytestmark = pytest.mark.usefixtures("until_its_end")


@pytest.fixture
def paths(tmp_path: Path) -> list[Path]:
    return [tmp_path / "one.lock", tmp_path / "two.lock"]


def test_one_candidate_gets_the_ledger_and_the_other_does_not_open_it(paths: list[Path]) -> None:
    ledger, never = MemoryLedger(), Mock()
    assert LockedCandidate(paths, "", lambda: ledger).take() is ledger
    assert LockedCandidate(paths, "", never).take() is None
    never.assert_not_called()


def test_a_candidate_without_the_last_lock_keeps_no_other(paths: list[Path]) -> None:
    assert try_lock(paths[1]) is not None
    candidate = LockedCandidate(paths, "", Mock())
    assert candidate.take() is None
    assert try_lock(paths[0]) is not None


def test_the_locks_are_taken_before_the_ledger_is_opened(paths: list[Path]) -> None:
    def opened() -> MemoryLedger:
        assert [try_lock(path) for path in paths] == [None, None]
        return MemoryLedger()

    assert LockedCandidate(paths, "", opened).take() is not None


def test_a_lock_that_cannot_be_made_is_a_setup_fault(tmp_path: Path) -> None:
    with pytest.raises(SetupFault, match="cannot be made"):
        LockedCandidate([tmp_path / "none" / "lock"], "", Mock()).take()


def test_a_candidate_without_a_further_term_keeps_no_lock(paths: list[Path]) -> None:
    closed = Mock()
    candidate = LockedCandidate(paths, "", lambda: None, closed)
    assert candidate.take() is None
    assert all(try_lock(path) is not None for path in paths)
    candidate.close()
    closed.assert_called_once_with()
