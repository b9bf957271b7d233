-- Schema 3: jobs in each state are counted by tenant too, so that neither a start nor /stats counts rows.

CREATE TABLE tenants (
    tenant    TEXT PRIMARY KEY,
    queued    INTEGER NOT NULL,
    running   INTEGER NOT NULL,
    delayed   INTEGER NOT NULL,
    done      INTEGER NOT NULL,
    failed    INTEGER NOT NULL,
    dead      INTEGER NOT NULL,
    cancelled INTEGER NOT NULL
) STRICT, WITHOUT ROWID;

-- Before there were keys, all jobs were of the tenant without a name.
INSERT INTO tenants SELECT '', queued, running, delayed, done, failed, dead, cancelled FROM meta WHERE change > 0;
