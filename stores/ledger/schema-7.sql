-- Schema 7: a job may have a deadline, by which it must be begun. Only jobs that may still expire have a row.
-- The jobs' own table keeps its columns: web processes of the release before read all of them.

CREATE TABLE deadlines (
    seq        INTEGER PRIMARY KEY,
    expires_at REAL NOT NULL
) STRICT;

CREATE INDEX deadlines_in_order ON deadlines (expires_at);
