-- Schema 1. A later one is a script of its own (schema-2.sql, ...), never an edit of this file.
--
-- Texts compare by their bytes (COLLATE "C"), as in the embedded ledger, and faster than by a language.

-- One row: the number of the last script; and whether brokers may use the ledger: not while a move fills it
-- (stores/move), and not after it was moved elsewhere.
CREATE TABLE pixmill.schema (
    one    boolean PRIMARY KEY DEFAULT true CHECK (one),
    number bigint  NOT NULL,
    use    text COLLATE "C" NOT NULL DEFAULT 'whole' CHECK (use IN ('whole', 'filling', 'moved'))
);

INSERT INTO pixmill.schema (number) VALUES (1);

-- The right to write. `turn` counts the commits of a term: so a writer notices that a server has lost some of them.
-- `backend` is the server's process of the last renewal. It ends with the holder's connection.
CREATE TABLE pixmill.term (
    one        boolean PRIMARY KEY DEFAULT true CHECK (one),
    epoch      bigint      NOT NULL DEFAULT 0,
    nonce      bytea       NOT NULL DEFAULT '',
    turn       bigint      NOT NULL DEFAULT 0,
    holder     text        NOT NULL DEFAULT '',
    backend    bigint      NOT NULL DEFAULT 0,
    renewed_at timestamptz NOT NULL DEFAULT '-infinity',
    until      timestamptz NOT NULL DEFAULT '-infinity'
);

INSERT INTO pixmill.term DEFAULT VALUES;

CREATE TABLE pixmill.jobs (  -- the columns of jobs.job.Row, in its order
    seq         bigint PRIMARY KEY,
    id          text COLLATE "C" NOT NULL UNIQUE,
    tenant      text COLLATE "C" NOT NULL,
    state       text COLLATE "C" NOT NULL
        CHECK (state IN ('queued', 'running', 'delayed', 'done', 'failed', 'dead', 'cancelled')),
    priority    bigint NOT NULL,
    lane        text COLLATE "C" NOT NULL,
    position    bigint NOT NULL,
    lease       bigint NOT NULL,
    attempts    bigint NOT NULL,
    change      bigint NOT NULL,
    accepted_at double precision NOT NULL,
    ended_at    double precision,
    due_at      double precision,
    started_at  double precision,
    worker      text COLLATE "C",
    reference   text COLLATE "C",
    preset      text COLLATE "C",
    batch       text COLLATE "C",
    code        text COLLATE "C",
    content     bytea NOT NULL,
    spec        bytea NOT NULL,
    outcome     bytea NOT NULL
) WITH (
    -- A job is written three or four times in its life: vacuum and analyse by what changed, not by a fifth of all rows.
    autovacuum_vacuum_scale_factor = 0.02,
    autovacuum_vacuum_threshold = 20000,
    autovacuum_vacuum_cost_delay = 0,
    autovacuum_analyze_scale_factor = 0.05,
    autovacuum_analyze_threshold = 2000
);

-- Done jobs are nearly all jobs: out of this index they cost the queue nothing.
CREATE INDEX jobs_unfinished ON pixmill.jobs (state, priority, lane, position) WHERE state <> 'done';
CREATE INDEX jobs_by_tenant ON pixmill.jobs (tenant, seq);
CREATE INDEX jobs_by_reference ON pixmill.jobs (tenant, reference, seq) WHERE reference IS NOT NULL;
CREATE INDEX jobs_by_batch ON pixmill.jobs (batch, seq) WHERE batch IS NOT NULL;
CREATE INDEX jobs_by_end ON pixmill.jobs (ended_at) WHERE ended_at IS NOT NULL;

CREATE TABLE pixmill.keys (
    key         bytea PRIMARY KEY,
    job         text COLLATE "C" NOT NULL,
    fingerprint bytea NOT NULL,
    at          double precision NOT NULL
);

CREATE INDEX keys_by_age ON pixmill.keys (at);

CREATE TABLE pixmill.grants (
    name       text COLLATE "C" PRIMARY KEY,
    used       bigint NOT NULL,
    expires_at double precision NOT NULL
);

CREATE INDEX grants_by_end ON pixmill.grants (expires_at);

CREATE TABLE pixmill.purged (
    job text COLLATE "C" PRIMARY KEY,
    at  double precision NOT NULL
);

CREATE INDEX purged_by_age ON pixmill.purged (at);

CREATE TABLE pixmill.sweeps (
    job   text COLLATE "C" PRIMARY KEY,
    names text NOT NULL  -- a JSON array of blob names
);

CREATE TABLE pixmill.quarantine (
    content bytea PRIMARY KEY,
    engine  text COLLATE "C" NOT NULL,
    at      double precision NOT NULL
);

-- Counts are written with nearly every commit: room for the next version of a row in its page keeps them small.
CREATE TABLE pixmill.tenants (
    tenant    text COLLATE "C" PRIMARY KEY,
    queued    bigint NOT NULL,
    running   bigint NOT NULL,
    delayed   bigint NOT NULL,
    done      bigint NOT NULL,
    failed    bigint NOT NULL,
    dead      bigint NOT NULL,
    cancelled bigint NOT NULL
) WITH (fillfactor = 50);

CREATE TABLE pixmill.meta (  -- one row; a column for the count of each state. The epoch is the term's
    one       boolean PRIMARY KEY DEFAULT true CHECK (one),
    change    bigint NOT NULL DEFAULT 0,
    paused    bigint NOT NULL DEFAULT 0 CHECK (paused IN (0, 1)),
    queued    bigint NOT NULL DEFAULT 0,
    running   bigint NOT NULL DEFAULT 0,
    delayed   bigint NOT NULL DEFAULT 0,
    done      bigint NOT NULL DEFAULT 0,
    failed    bigint NOT NULL DEFAULT 0,
    dead      bigint NOT NULL DEFAULT 0,
    cancelled bigint NOT NULL DEFAULT 0
);

INSERT INTO pixmill.meta DEFAULT VALUES;
