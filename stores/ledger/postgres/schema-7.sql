-- Schema 7: the commands that were carried out, for operators.
-- Few rows, because the oldest are dropped: so there is no index by time.

CREATE TABLE pixmill.actions (  -- the fields of jobs.records.ActionEntry
    id     text COLLATE "C" PRIMARY KEY,
    who    text COLLATE "C" NOT NULL,
    verb   text COLLATE "C" NOT NULL,
    filter text COLLATE "C" NOT NULL,
    count  bigint NOT NULL,
    at     double precision NOT NULL
);
