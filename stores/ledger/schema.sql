-- Schema 1. A later one is a script of its own (schema-2.sql, ...), never an edit of this file.
-- In every index a row's seq follows the named columns by itself: it is the rowid.

CREATE TABLE jobs (  -- the columns of jobs.job.Row, in its order
    seq         INTEGER PRIMARY KEY,
    id          TEXT    NOT NULL UNIQUE,
    tenant      TEXT    NOT NULL,
    state       TEXT    NOT NULL
        CHECK (state IN ('queued', 'running', 'delayed', 'done', 'failed', 'dead', 'cancelled')),
    priority    INTEGER NOT NULL,
    lane        TEXT    NOT NULL,
    position    INTEGER NOT NULL,
    lease       INTEGER NOT NULL,
    attempts    INTEGER NOT NULL,
    change      INTEGER NOT NULL,
    accepted_at REAL    NOT NULL,
    ended_at    REAL,
    due_at      REAL,
    started_at  REAL,
    worker      TEXT,
    reference   TEXT,
    preset      TEXT,
    batch       TEXT,
    code        TEXT,
    content     BLOB    NOT NULL,
    spec        BLOB    NOT NULL,
    outcome     BLOB    NOT NULL
) STRICT;

-- Done jobs are nearly all jobs: out of this index they cost the queue nothing.
CREATE INDEX jobs_unfinished ON jobs (state, priority, lane, position) WHERE state <> 'done';
CREATE INDEX jobs_by_tenant ON jobs (tenant);
CREATE INDEX jobs_by_reference ON jobs (tenant, reference) WHERE reference IS NOT NULL;
CREATE INDEX jobs_by_batch ON jobs (batch) WHERE batch IS NOT NULL;

CREATE TABLE keys (
    key         BLOB PRIMARY KEY,
    job         TEXT NOT NULL,
    fingerprint BLOB NOT NULL,
    at          REAL NOT NULL
) STRICT, WITHOUT ROWID;

CREATE INDEX keys_by_age ON keys (at);

CREATE TABLE sweeps (
    job   TEXT PRIMARY KEY,
    names TEXT NOT NULL  -- a JSON array of blob names
) STRICT, WITHOUT ROWID;

CREATE TABLE quarantine (
    content BLOB PRIMARY KEY
) STRICT, WITHOUT ROWID;

CREATE TABLE meta (  -- one row; a column for the count of each state
    only      INTEGER PRIMARY KEY CHECK (only = 1),
    epoch     INTEGER NOT NULL DEFAULT 0,
    change    INTEGER NOT NULL DEFAULT 0,
    paused    INTEGER NOT NULL DEFAULT 0 CHECK (paused IN (0, 1)),
    queued    INTEGER NOT NULL DEFAULT 0,
    running   INTEGER NOT NULL DEFAULT 0,
    delayed   INTEGER NOT NULL DEFAULT 0,
    done      INTEGER NOT NULL DEFAULT 0,
    failed    INTEGER NOT NULL DEFAULT 0,
    dead      INTEGER NOT NULL DEFAULT 0,
    cancelled INTEGER NOT NULL DEFAULT 0
) STRICT;

INSERT INTO meta (only) VALUES (1);
