-- Schema 5: the POSTs of several files, so that the end of each is told once.

CREATE TABLE pixmill.batches (
    id       text COLLATE "C" PRIMARY KEY,
    tenant   text COLLATE "C" NOT NULL,
    made_at  double precision NOT NULL,
    ended_at double precision
);

CREATE INDEX batches_unended ON pixmill.batches (id) WHERE ended_at IS NULL;
CREATE INDEX batches_by_end ON pixmill.batches (ended_at) WHERE ended_at IS NOT NULL;
-- The jobs that a batch waits for: no other job costs this index an entry.
CREATE INDEX jobs_unended_by_batch ON pixmill.jobs (batch) WHERE batch IS NOT NULL AND ended_at IS NULL;

INSERT INTO pixmill.batches SELECT batch, max(tenant), min(accepted_at), NULL FROM pixmill.jobs
WHERE batch IS NOT NULL AND ended_at IS NULL GROUP BY batch;
