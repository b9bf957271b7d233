-- Schema 9: the POSTs of several files, so that the end of each is told once.

CREATE TABLE batches (
    id       TEXT PRIMARY KEY,
    tenant   TEXT NOT NULL,
    made_at  REAL NOT NULL,
    ended_at REAL
) STRICT, WITHOUT ROWID;

CREATE INDEX batches_unended ON batches (id) WHERE ended_at IS NULL;
CREATE INDEX batches_by_end ON batches (ended_at) WHERE ended_at IS NOT NULL;
-- The jobs that a batch waits for: no other job costs this index an entry.
CREATE INDEX jobs_unended_by_batch ON jobs (batch) WHERE batch IS NOT NULL AND ended_at IS NULL;

INSERT INTO batches SELECT batch, max(tenant), min(accepted_at), NULL FROM jobs
WHERE batch IS NOT NULL AND ended_at IS NULL GROUP BY batch;
