"""The back-up of each ledger, as docs/reliability.md says it: taken beside commits, brought back, and compared."""

import os
import subprocess
import threading
from pathlib import Path
from typing import Any

import pytest

from host.settings.settings import Settings
from jobs.records import Records
from stores.ledger.postgres.candidate import PostgresCandidate
from stores.move.names import walk
from stores.move.rows import contents, last_seq
from stores.opening import blobs_at
from tests.contracts.filled import blobs_of, fill
from tests.contracts.rows import row
from tests.support.clusters.cluster import wait_until
from tests.support.servers.postgres import PostgresServer
from tests.support.servers.seaweed import ENVIRON, SeaweedServer

pytestmark = pytest.mark.cluster


def opened(url: str) -> Any:
    """The ledger, once the term is free: a dump holds the term of its moment."""
    candidate = PostgresCandidate(url)
    return wait_until(candidate.take, candidate.predecessor_seconds, "the term")


def test_a_dump_beside_commits_is_a_ledger_of_one_moment(postgres: PostgresServer, tmp_path: Path) -> None:
    url, other, dump = postgres.database(), postgres.database(), tmp_path / "ledger.dump"
    ledger = opened(url)
    fill(ledger, 300)
    first, over = last_seq(ledger) + 1, threading.Event()
    written: list[int] = []

    def commit() -> None:
        while not over.is_set():
            ledger.commit(Records(jobs=[row(first + len(written))]))
            written.append(len(written))

    writer = threading.Thread(target=commit)
    writer.start()
    try:
        subprocess.run(
            [postgres.bin / "pg_dump", "--format=custom", "--schema=pixmill", f"--file={dump}", url], check=True
        )
    finally:
        over.set()
        writer.join()
    ledger.close()
    subprocess.run([postgres.bin / "pg_restore", "--exit-on-error", f"--dbname={other}", dump], check=True)
    restored = opened(other)
    kept = last_seq(restored) - first + 1
    assert 0 <= kept < len(written), "the later commits are lost, and pixmill audit names them"
    found = contents(restored, restored)
    assert found.counts["jobs"] == 300 + kept
    assert found.counts["sweeps"] == found.counts["keys"] == 100
    restored.commit(Records(jobs=[row(first + kept)]))
    restored.close()


def test_versions_of_a_bucket_bring_deleted_blobs_back(seaweed: SeaweedServer, tmp_path: Path) -> None:
    client, bucket, data = seaweed.client(), "pixmill-versions", tmp_path / "data"
    client.create_bucket(Bucket=bucket)
    client.put_bucket_versioning(Bucket=bucket, VersioningConfiguration={"Status": "Enabled"})
    os.environ.update(ENVIRON)
    blobs = blobs_at(Settings(data=str(data)), seaweed.url_of(bucket, "kept"))
    wanted = blobs_of(1)
    for name, content in wanted.items():
        blobs.put(name, content)
    blobs.delete([*wanted])
    assert not list(walk(blobs))
    for marker in client.list_object_versions(Bucket=bucket)["DeleteMarkers"]:
        client.delete_object(Bucket=bucket, Key=marker["Key"], VersionId=marker["VersionId"])
    assert sorted(walk(blobs)) == sorted(wanted)
    for name, content in wanted.items():
        with blobs.open(name) as file:
            assert file.read() == content
