-- Schema 11: the commands that were carried out, for operators.
-- Few rows, because the oldest are dropped: so there is no index by time.

CREATE TABLE actions (  -- the fields of jobs.records.ActionEntry
    id     TEXT    PRIMARY KEY,
    who    TEXT    NOT NULL,
    verb   TEXT    NOT NULL,
    filter TEXT    NOT NULL,
    count  INTEGER NOT NULL,
    at     REAL    NOT NULL
) STRICT, WITHOUT ROWID;
