-- Schema 10: the last hours in figures, an interval of five minutes a row.
-- Few rows, because those that are older than a day are dropped.

CREATE TABLE pixmill.intervals (  -- the fields of jobs.records.IntervalEntry
    at      bigint PRIMARY KEY,
    figures bytea  NOT NULL
);
