"""stores/ledger/postgres/candidate.py: which answers of a server are waited out, and which a person must mend."""

from unittest.mock import patch

import pytest

from jobs.errors import LedgerFailed, SetupFault
from stores.ledger.postgres.candidate import PostgresCandidate
from stores.ledger.postgres.connection import ServerFault

URL = "postgresql://user:word@db.example/base"


def fault_of(answer: ServerFault) -> Exception | None:
    """What `take` raises if the server answers so to a connection; None: it found the term taken."""
    with patch("stores.ledger.postgres.candidate.Connection", side_effect=answer):
        try:
            assert PostgresCandidate(URL).take() is None
        except (LedgerFailed, SetupFault) as fault:
            return fault
    return None


@pytest.mark.parametrize(
    "answer",
    [
        ServerFault("connection refused"),
        ServerFault("no answer in time"),
        ServerFault("failed to resolve host 'db.example'"),
        ServerFault("FATAL: the database system is starting up"),
        ServerFault("FATAL: the database system is shutting down"),
        ServerFault("FATAL: sorry, too many clients already"),
        ServerFault("FATAL: server login has been failing, cached error: connect failed (server_login_retry)"),
        ServerFault("FATAL: pgbouncer cannot connect to server"),
        ServerFault("FATAL: terminating connection due to administrator command"),
        ServerFault("FATAL: could not fork new process for connection: Cannot allocate memory"),
        ServerFault("could not extend file: No space left on device", "53100"),
        ServerFault("cannot execute UPDATE in a read-only transaction", "25006"),
        ServerFault("terminating connection due to administrator command", "57P01"),
        ServerFault("could not write to file", "58030"),
    ],
    ids=lambda answer: answer.detail,
)
def test_what_passes_is_waited_out(answer: ServerFault) -> None:
    fault = fault_of(answer)
    assert isinstance(fault, LedgerFailed)
    assert "base on db.example:5432" in fault.detail
    assert "word" not in fault.detail


@pytest.mark.parametrize(
    "answer",
    [
        ServerFault('FATAL: password authentication failed for user "user"'),
        ServerFault('FATAL: database "base" does not exist'),
        ServerFault('FATAL: no pg_hba.conf entry for host "10.0.0.5", user "user", database "base", no encryption'),
        ServerFault("FATAL: no such database: base"),
        ServerFault("fe_sendauth: no password supplied"),
        ServerFault("permission denied for schema pixmill", "42501"),
        ServerFault('column "epoch" does not exist', "42703"),
    ],
    ids=lambda answer: answer.detail,
)
def test_what_no_waiting_cures_is_told_at_once(answer: ServerFault) -> None:
    fault = fault_of(answer)
    assert isinstance(fault, SetupFault)
    assert "correct PIXMILL_LEDGER_URL" in fault.detail


@pytest.mark.parametrize("code", ["23505", "42P06", "42P07", "40001", "40P01", "55P03"])
def test_a_broker_that_starts_beside_another_stands_by(code: str) -> None:
    assert fault_of(ServerFault("duplicate key", code)) is None


@pytest.mark.parametrize(
    "url",
    [
        "postgresql://user:50%zzSECRET@db/base",
        "postgresql://user:WITH SECRET@db/base",
        "postgresql://user:HALF/SECRET@db:5432/base",
        "postgresql://user:HALF@SECRET@db/base",
        "postgresql://SECRET@db:word/base",
        "postgresql://db/base?password=SECRET&nope=1",
    ],
)
def test_an_address_that_is_none_is_refused_without_a_word_of_it(url: str) -> None:
    """A password that was not encoded may stand anywhere in what libpq reads out of it."""
    with pytest.raises(SetupFault, match="must be as postgresql://USER:PASSWORD@HOST") as refused:
        PostgresCandidate(url)
    assert "SECRET" not in refused.value.detail


@pytest.mark.parametrize(
    ("url", "shown"),
    [
        ("postgresql://user:a%2Fb%40c%25?#:@db.example/base", "base on db.example:5432"),
        ("postgresql://user@db1:5433,db2:5434/base?target_session_attrs=read-write", "base on db1,db2:5433,5434"),
        ("postgresql://user@[::1]:5433/base", "base on ::1:5433"),
        ("postgresql:///base?host=/run/postgresql", "base on /run/postgresql:5432"),
        ("postgresql:///base?host=@abstract", "base on @abstract:5432"),
        ("postgresql://", "postgres on localhost:5432"),
    ],
)
def test_an_address_is_shown_as_its_database_and_its_hosts(url: str, shown: str) -> None:
    assert shown in PostgresCandidate(url).refusal
