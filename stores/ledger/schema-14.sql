-- Schema 14: the last hours in figures, an interval of five minutes a row.
-- Few rows, because those that are older than a day are dropped.

CREATE TABLE intervals (  -- the fields of jobs.records.IntervalEntry
    at      INTEGER PRIMARY KEY,
    figures BLOB    NOT NULL
) STRICT;
