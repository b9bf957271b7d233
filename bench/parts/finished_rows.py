"""Fills a ledger with finished jobs, by SQL: as many a second as the database can write.

The rows are as large as those of the default preset, for one picture. Owns these rows. The broker must not run.
"""

import os
import sqlite3
import time
from pathlib import Path
from typing import Any

import psycopg

from jobs.job import Cost, EventKind, Original, Outcome, Rendition, Row, Spec, TimelineEntry, encode
from jobs.recipes.presets import load_presets
from jobs.recipes.recipe import canonical

FILES = 4
"""Jobs of one POST."""
_DIGEST = "0123456789abcdef" * 4
_ID = "01arz3ndektsv4rrffq69g5fav"
_COLUMNS = ", ".join(Row._fields)
_SQLITE_ROWS = f"""
WITH RECURSIVE numbers (i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM numbers WHERE i < :count)
INSERT INTO jobs ({_COLUMNS})
SELECT i, printf('%010d', i) || lower(hex(randomblob(8))), 'shop', 'done', 1, 's.shop', i, 1, 1, i, :at, :at, NULL,
    :at, :worker, NULL, 'default', printf('%08x%08x', i / :files * 2654435761 & 4294967295, i / :files), NULL,
    randomblob(16), :spec, :outcome
FROM numbers
"""
_POSTGRES_ROWS = f"""
INSERT INTO pixmill.jobs ({_COLUMNS})
SELECT i, lpad(i::text, 10, '0') || left(md5(random()::text), 16), 'shop', 'done', 1, 's.shop', i, 1, 1, i, %(at)s,
    %(at)s, NULL, %(at)s, %(worker)s, NULL, 'default', left(md5((i / %(files)s)::text), 16), NULL,
    decode(md5(random()::text), 'hex'), %(spec)s, %(outcome)s
FROM generate_series(1, %(count)s) AS numbers (i)
"""
_POSTGRES_KEYS = """
INSERT INTO pixmill.keys
SELECT sha256(id::bytea), id, sha256(id::bytea), %(at)s FROM pixmill.jobs ORDER BY 1
"""
_SQLITE_KEYS = "INSERT INTO keys SELECT randomblob(32), id, randomblob(32), :at FROM jobs ORDER BY 1"


def spec() -> bytes:
    """What the default preset asks for."""
    presets = load_presets((Path(__file__).resolve().parents[2] / "recipes.toml").read_text())
    original = Original(f"raw/av/{_ID}", "jpeg", 1600, 1200, 186_398, _DIGEST)
    return encode(Spec("IMG_0001.jpg", None, None, "default", canonical(presets["default"]), original, "shop", FILES))


def outcome(at: float) -> bytes:
    """What becomes of it."""
    kinds = (EventKind.ACCEPTED, EventKind.ASSIGNED, EventKind.STARTED, EventKind.RENDITION, EventKind.RENDITION)
    timeline = [TimelineEntry(at, kind.value, 1, "worker-1", None) for kind in (*kinds, EventKind.ENDED)]
    sides = (("large", "webp", 1600, 1200, 120_000), ("thumb", "jpeg", 320, 320, 12_000))
    renditions = [
        Rendition(
            name, f"processed/av/{_ID}.{name}.{_DIGEST[:8]}.{form}", form, width, height, size, _DIGEST, "#aabbcc"
        )
        for name, form, width, height, size in sides
    ]
    return encode(Outcome(timeline, renditions, None, Cost(90.0, 60_000_000)))


def _values(count: int) -> dict[str, Any]:
    at = time.time()
    return {"count": count, "files": FILES, "at": at, "worker": "0" * 16, "spec": spec(), "outcome": outcome(at)}


def fill_sqlite(path: Path, count: int, keys: bool) -> int:
    """Put `count` finished jobs into an empty ledger, with `keys` an Idempotency-Key for each. Returns its bytes.
    Secondary indexes are made afterwards, which is faster."""
    values = _values(count)
    connection = sqlite3.connect(path, isolation_level=None)
    connection.execute("PRAGMA journal_mode = OFF").fetchall()
    connection.execute("PRAGMA synchronous = OFF")
    connection.execute("PRAGMA cache_size = -500000")
    indexes = connection.execute("SELECT name, sql FROM sqlite_master WHERE type = 'index' AND sql > ''").fetchall()
    for name, _ in indexes:
        connection.execute(f"DROP INDEX {name}")
    connection.execute(_SQLITE_ROWS, values)
    if keys:
        connection.execute(_SQLITE_KEYS, values)
    for _, sql in indexes:
        connection.execute(sql)
    connection.execute("UPDATE meta SET change = :count, done = :count", values)
    connection.execute("INSERT INTO tenants VALUES ('shop', 0, 0, 0, :count, 0, 0, 0)", values)
    connection.close()
    with path.open("rb") as file:
        os.fsync(file.fileno())
    return path.stat().st_size


def fill_postgres(url: str, count: int, keys: bool) -> int:
    """The same in a database."""
    values = _values(count)
    with psycopg.connect(url, autocommit=True) as connection:
        connection.execute("SET synchronous_commit = off")
        connection.execute("SET maintenance_work_mem = '1GB'")
        indexes = connection.execute(
            "SELECT indexrelid::regclass::text, pg_get_indexdef(indexrelid) FROM pg_index WHERE NOT indisunique"
            " AND indrelid IN ('pixmill.jobs'::regclass, 'pixmill.keys'::regclass)"
        ).fetchall()
        for name, _ in indexes:
            connection.execute(f"DROP INDEX {name}".encode())
        connection.execute(_POSTGRES_ROWS.encode(), values)
        if keys:
            connection.execute(_POSTGRES_KEYS, values)
        for _, sql in indexes:
            connection.execute(sql.encode())
        connection.execute("UPDATE pixmill.meta SET change = %(count)s, done = %(count)s", values)
        connection.execute("INSERT INTO pixmill.tenants VALUES ('shop', 0, 0, 0, %(count)s, 0, 0, 0)", values)
        connection.execute("VACUUM ANALYZE")
        connection.execute("CHECKPOINT")
        found = connection.execute("SELECT pg_database_size(current_database())").fetchone()
    assert found
    return int(found[0])
