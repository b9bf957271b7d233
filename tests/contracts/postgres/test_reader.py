"""Web's reader of the PostgreSQL ledger: it outlives its server's ends, and waits for no server for long."""

import time
from collections.abc import Iterator

import pytest

from jobs.errors import SetupFault, StoreFault
from jobs.records import Records
from stores.ledger.postgres.reader import READ_SECONDS, PostgresReader, open_reader
from tests.contracts.postgres.conftest import Open
from tests.contracts.rows import job_id, row
from tests.support.patience import stretched
from tests.support.servers.postgres import PostgresServer

pytestmark = pytest.mark.cluster


@pytest.fixture
def reader(server: PostgresServer, open_ledger: Open) -> Iterator[PostgresReader]:
    """Of a ledger with one job; it has read once."""
    url = server.database()
    ledger = open_ledger(url)
    ledger.commit(Records(jobs=[row(1)]))
    ledger.close()
    reader = open_reader(url)
    assert reader.job(job_id(1)) == row(1)
    yield reader
    reader.close()


def test_a_read_connects_again_after_the_server_was_started_again(
    server: PostgresServer, reader: PostgresReader
) -> None:
    server.kill()
    with pytest.raises(StoreFault, match=r"^the ledger cannot be read$"):
        reader.job(job_id(1))
    server.start()
    assert reader.job(job_id(1)) == row(1)
    server.stop()
    server.start()
    assert reader.job(job_id(1)) == row(1), "an old connection costs no answer"


def test_a_read_waits_for_a_standing_server_only_so_long(server: PostgresServer, reader: PostgresReader) -> None:
    with server.stopped():
        began = time.monotonic()
        with pytest.raises(StoreFault) as fault:
            reader.job(job_id(1))
        assert "no answer in time" in str(fault.value.__cause__)
        assert time.monotonic() - began < READ_SECONDS + stretched(1.5)
    assert reader.job(job_id(1)) == row(1)


def test_a_ledger_that_is_not_made_yet_is_unreadable_and_no_address_is_a_setup_fault(url: str) -> None:
    reader = open_reader(url)
    with pytest.raises(StoreFault) as fault:
        reader.tenants()
    assert "does not exist" in str(fault.value.__cause__)
    reader.close()
    with pytest.raises(SetupFault, match="is no address"):
        open_reader("postgresql://host/base?nonsense=1")
