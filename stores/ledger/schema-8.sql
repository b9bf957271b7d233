-- Schema 8: deliveries of events to receivers (webhooks), and the endpoints whose attempts fail.
-- An installation that nobody asked for a delivery has no row in either.

CREATE TABLE deliveries (  -- the columns of jobs.deliveries.DeliveryRow, in its order
    seq        INTEGER PRIMARY KEY,
    id         TEXT    NOT NULL,
    tenant     TEXT    NOT NULL,
    job        TEXT,
    batch      TEXT,
    lane       TEXT    NOT NULL,
    url        TEXT    NOT NULL,
    type       TEXT    NOT NULL,
    body       BLOB    NOT NULL,
    change     INTEGER NOT NULL,
    created_at REAL    NOT NULL,
    attempts   INTEGER NOT NULL,
    tries      INTEGER NOT NULL,
    due_at     REAL,
    state      TEXT    NOT NULL CHECK (state IN ('waiting', 'delivered', 'failed', 'stopped')),
    status     INTEGER NOT NULL,
    error      TEXT    NOT NULL,
    answer     TEXT    NOT NULL,
    ended_at   REAL,
    kept       INTEGER NOT NULL
) STRICT;

CREATE INDEX deliveries_due ON deliveries (lane, due_at) WHERE due_at IS NOT NULL;
CREATE INDEX deliveries_by_tenant ON deliveries (tenant);
CREATE INDEX deliveries_by_job ON deliveries (job) WHERE job IS NOT NULL;
CREATE INDEX deliveries_by_end ON deliveries (ended_at) WHERE ended_at IS NOT NULL;

CREATE TABLE endpoints (  -- the fields of jobs.deliveries.Endpoint
    lane          TEXT PRIMARY KEY,
    failing_since REAL NOT NULL,
    paused_at     REAL
) STRICT, WITHOUT ROWID;
