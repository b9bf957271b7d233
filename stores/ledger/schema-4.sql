-- Schema 4: how often each grant was used, until it expires.

CREATE TABLE grants (
    name       TEXT PRIMARY KEY,
    used       INTEGER NOT NULL,
    expires_at REAL NOT NULL
) STRICT, WITHOUT ROWID;

CREATE INDEX grants_by_end ON grants (expires_at);

-- A job without a tenant is counted in meta alone.
DELETE FROM tenants WHERE tenant = '';
