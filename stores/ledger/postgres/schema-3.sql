-- Schema 3: a job may have a deadline, by which it must be begun. Only jobs that may still expire have a row.

CREATE TABLE pixmill.deadlines (
    seq        bigint PRIMARY KEY,
    expires_at double precision NOT NULL
);

CREATE INDEX deadlines_in_order ON pixmill.deadlines (expires_at);
