-- Schema 2: a purge leaves the job's id and its time behind, and what has ended is found by age.

CREATE TABLE purged (
    job TEXT PRIMARY KEY,
    at  REAL NOT NULL
) STRICT, WITHOUT ROWID;

CREATE INDEX purged_by_age ON purged (at);

-- Jobs end in nearly the order of ended_at, so an entry goes to the end of this index: cheap, unlike a random one.
CREATE INDEX jobs_by_end ON jobs (ended_at) WHERE ended_at IS NOT NULL;
